"""A compose file: the parts that this product uses, and whether what they name is there."""

from collections.abc import Iterator
from typing import Any, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from seatrial import Failure

__all__ = ["Compose", "Service", "dangling", "read"]


class Part(BaseModel):
    """A part of the file; `x-` is nobody's but the author's."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Build(Part):
    """How an image is made."""

    context: str
    dockerfile: str
    target: str


class Deploy(Part):
    """How many there are."""

    replicas: int = Field(default=1, ge=1)


class Health(Part):
    """How a container is asked for its health."""

    test: list[str] = Field(default_factory=list)
    interval: str = "30s"
    timeout: str = "30s"
    retries: int = Field(default=3, ge=1)
    disable: bool = False


class Mount(Part):
    """A secret or a configuration, and where it is put."""

    source: str
    target: str


class Dependency(Part):
    """What another service must have reached."""

    condition: Literal["service_started", "service_healthy", "service_completed_successfully"]


class Service(Part):
    """One service."""

    image: str
    build: Build | None = None
    command: list[str] = Field(default_factory=list)
    entrypoint: list[str] = Field(default_factory=list)
    user: str = ""
    restart: Literal["no", "always", "on-failure", "unless-stopped"] = "no"
    stop_grace_period: str = Field(default="10s", pattern=r"^[0-9]+s$")
    deploy: Deploy = Deploy()
    healthcheck: Health = Health()
    environment: dict[str, str] = Field(default_factory=dict)
    secrets: list[Mount] = Field(default_factory=list)
    configs: list[Mount] = Field(default_factory=list)
    networks: list[str] = Field(min_length=1)
    depends_on: dict[str, Dependency] = Field(default_factory=dict)
    ports: list[str] = Field(default_factory=list)
    volumes: list[str] = Field(default_factory=list)
    tmpfs: list[str] = Field(default_factory=list)
    read_only: bool = False
    cap_drop: list[str] = Field(default_factory=list)
    security_opt: list[str] = Field(default_factory=list)

    @model_validator(mode="before")
    @classmethod
    def _short_mounts(cls, given: Any) -> Any:
        if isinstance(given, dict) and isinstance(given.get("secrets"), list):
            rows = [{"source": row, "target": row} if isinstance(row, str) else row for row in given["secrets"]]
            return {**given, "secrets": rows}
        return given

    @property
    def secret_paths(self) -> set[str]:
        """Where the service finds its secrets."""
        return {f"/run/secrets/{mount.target}" for mount in self.secrets}


class Network(Part):
    """A network; an internal one has no way out."""

    internal: bool = False


class File(Part):
    """What a secret or a configuration is made from."""

    file: str


class Compose(Part):
    """The whole."""

    name: str
    services: dict[str, Service] = Field(min_length=1)
    networks: dict[str, Network] = Field(default_factory=dict)
    volumes: dict[str, None] = Field(default_factory=dict)
    configs: dict[str, File] = Field(default_factory=dict)
    secrets: dict[str, File] = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _without_extensions(cls, given: Any) -> Any:
        return (
            {key: value for key, value in given.items() if not str(key).startswith("x-")}
            if isinstance(given, dict)
            else given
        )

    @model_validator(mode="after")
    def _nothing_unused(self) -> Self:
        used = {mount.source for service in self.services.values() for mount in service.secrets}
        if unused := sorted(self.secrets.keys() - used):
            raise ValueError(f"no service uses these secrets: {', '.join(unused)}")
        return self


def read(text: str) -> Compose:
    """Read a compose file; raises Failure with every place that is wrong, values left out."""
    try:
        return Compose.model_validate(yaml.safe_load(text))
    except yaml.YAMLError as error:
        raise Failure("a compose file", f"not YAML: {' '.join(str(error).split())}") from None
    except ValidationError as error:
        problems = [
            f"{'.'.join(map(str, row['loc'])) or 'file'}: {row['msg']}" for row in error.errors(include_input=False)
        ]
        raise Failure("a compose file", "; ".join(problems)) from None


def dangling(compose: Compose, service: Service) -> Iterator[str]:
    """Name what a service asks for and the file does not have."""
    named = {
        "secret": ({mount.source for mount in service.secrets}, compose.secrets.keys()),
        "config": ({mount.source for mount in service.configs}, compose.configs.keys()),
        "network": (set(service.networks), compose.networks.keys()),
        "volume": ({volume.partition(":")[0] for volume in service.volumes}, compose.volumes.keys()),
        "service": (set(service.depends_on), compose.services.keys()),
    }
    for kind, (asked, there) in named.items():
        yield from (f"there is no {kind} {name}" for name in sorted(asked - there))
    for name, dependency in service.depends_on.items():
        if dependency.condition == "service_healthy" and name in compose.services:
            health = compose.services[name].healthcheck
            if health.disable or not health.test:
                yield f"waits for {name} to be healthy, which nobody asks it"
