"""App Platform's spec: the parts that this product uses, with the vendor's names and bounds; what is not here is refused.

Sources: digitalocean/openapi (specification/resources/apps/models) and digitalocean/godo (apps.gen.go), whose decoder is
the one that refuses unknown fields.
"""

import re
from typing import Annotated, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from seatrial import Failure

__all__ = ["AppSpec", "Env", "Job", "Service", "read"]

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,30}[a-z0-9]$")]
Size = Annotated[
    str,
    Field(
        pattern=r"^apps-(s-(1vcpu-(0\.5gb|1gb-fixed|1gb|2gb)|2vcpu-4gb)|d-(1vcpu-(0\.5|1|2|4)|2vcpu-[48]|4vcpu-(8|16)|8vcpu-32)gb)$"
    ),
]
ENCRYPTED = re.compile(r"^EV\[.+\]$")


class Part(BaseModel):
    """A part of the spec: an unknown field, and a value of another type, is an error."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Env(Part):
    """A variable; one of type SECRET is kept encrypted once App Platform has it."""

    key: str = Field(pattern=r"^[_A-Za-z][_A-Za-z0-9]*$")
    value: str
    scope: Literal["UNSET", "RUN_TIME", "BUILD_TIME", "RUN_AND_BUILD_TIME"] = "RUN_AND_BUILD_TIME"
    type: Literal["GENERAL", "SECRET"] = "GENERAL"


class Image(Part):
    """An image by digest: a tag would be decided upon by whoever moves it."""

    registry_type: Literal["DOCR", "DOCKER_HUB", "GHCR"]
    registry: str | None = None
    repository: str
    digest: str = Field(pattern=r"^sha256:[0-9a-f]{64}$")


class Probe(Part):
    """A health check by HTTP; without a path App Platform would only try the port."""

    http_path: str = Field(pattern=r"^/")
    port: int | None = Field(default=None, ge=1, le=65535)
    initial_delay_seconds: int = Field(default=0, ge=0, le=3600)
    period_seconds: int = Field(default=10, ge=1, le=300)
    timeout_seconds: int = Field(default=1, ge=1, le=120)
    success_threshold: int = Field(default=1, ge=1, le=50)
    failure_threshold: int = Field(default=9, ge=1, le=50)


class Liveness(Probe):
    """A health check whose failure restarts."""

    success_threshold: Literal[1] = 1


class Cpu(Part):
    """The processor's share that autoscaling keeps."""

    percent: int = Field(ge=1, le=100)


class Metrics(Part):
    """What autoscaling looks at."""

    cpu: Cpu


class Autoscaling(Part):
    """Bounds of the count of instances."""

    min_instance_count: int = Field(ge=1, le=250)
    max_instance_count: int = Field(ge=1, le=250)
    metrics: Metrics

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.max_instance_count < self.min_instance_count:
            raise ValueError(
                f"max_instance_count {self.max_instance_count} is below min_instance_count {self.min_instance_count}"
            )
        return self


class Termination(Part):
    """From "no new requests" to SIGTERM, and from there to SIGKILL."""

    drain_seconds: int = Field(default=15, ge=1, le=110)
    grace_period_seconds: int = Field(default=120, ge=1, le=600)


class JobTermination(Part):
    """From SIGTERM to SIGKILL."""

    grace_period_seconds: int = Field(default=120, ge=1, le=600)


class AppAlert(Part):
    """An alert about the whole."""

    rule: Literal[
        "DEPLOYMENT_FAILED", "DEPLOYMENT_LIVE", "DEPLOYMENT_STARTED", "DEPLOYMENT_CANCELED",
        "DOMAIN_FAILED", "DOMAIN_LIVE", "AUTOSCALE_FAILED", "AUTOSCALE_SUCCEEDED",
    ]  # fmt: skip
    disabled: bool = False


class Alert(Part):
    """An alert about a component."""

    rule: Literal["CPU_UTILIZATION", "MEM_UTILIZATION", "RESTART_COUNT"]
    disabled: bool = False
    operator: Literal["GREATER_THAN", "LESS_THAN"]
    value: float
    window: Literal["FIVE_MINUTES", "TEN_MINUTES", "THIRTY_MINUTES", "ONE_HOUR"]


class Component(Part):
    """What services and jobs share."""

    name: Name
    image: Image
    run_command: str = ""
    instance_size_slug: Size
    envs: list[Env] = Field(default_factory=list)
    alerts: list[Alert] = Field(default_factory=list)


class Service(Component):
    """A component that is asked over HTTP; either of the two counts decides how many instances it has."""

    http_port: int = Field(ge=1, le=65535)
    instance_count: int | None = Field(default=None, ge=1, le=250)
    autoscaling: Autoscaling | None = None
    health_check: Probe
    liveness_health_check: Liveness
    termination: Termination

    @model_validator(mode="after")
    def _counted_once(self) -> Self:
        if (self.instance_count is None) == (self.autoscaling is None):
            raise ValueError("give instance_count or autoscaling, and not both")
        if self.autoscaling and not self.instance_size_slug.startswith("apps-d-"):
            raise ValueError(f"autoscaling needs a dedicated processor, and {self.instance_size_slug} has none")
        return self

    @property
    def fewest(self) -> int:
        """How many instances there are at least."""
        return self.autoscaling.min_instance_count if self.autoscaling else self.instance_count or 0


class Job(Component):
    """A component that runs and ends."""

    kind: Literal["PRE_DEPLOY", "POST_DEPLOY", "FAILED_DEPLOY"]
    instance_count: Literal[1] = 1
    timeout: str = Field(default="30m", pattern=r"^([0-9]+h)?([0-9]+m)?([0-9]+s)?$")
    termination: JobTermination = JobTermination()


class Domain(Part):
    """A host; without a minimum TLS version the platform's own would hold."""

    domain: str
    type: Literal["DEFAULT", "PRIMARY", "ALIAS"]
    zone: str | None = None
    minimum_tls_version: Literal["1.2", "1.3"]


class Authority(Part):
    """The host that a rule is for."""

    exact: str


class Path(Part):
    """Where a rule's paths begin."""

    prefix: str = Field(pattern=r"^/")


class Match(Part):
    """What a rule is for; without a host it would be for every host."""

    authority: Authority
    path: Path


class Target(Part):
    """Who answers; the services expect whole paths."""

    name: str
    preserve_path_prefix: bool = False


class Rule(Part):
    """From a host's paths to a component."""

    match: Match
    component: Target


class Ingress(Part):
    """All that is public."""

    rules: list[Rule] = Field(min_length=1)


class Database(Part):
    """A managed cluster that exists already."""

    name: Name
    engine: Literal["PG", "VALKEY"]
    version: str
    production: Literal[True]
    cluster_name: str
    db_name: str | None = None
    db_user: str | None = None


class Vpc(Part):
    """The private network that the components reach out through."""

    id: str = Field(pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")


class Egress(Part):
    """From which address the app goes out."""

    type: Literal["AUTOASSIGN", "DEDICATED_IP"]


class AppSpec(Part):
    """The whole."""

    name: Name
    region: Literal["atl", "nyc", "sfo", "tor", "ams", "fra", "lon", "blr", "sgp", "syd"]
    vpc: Vpc
    egress: Egress = Egress(type="AUTOASSIGN")
    disable_edge_cache: bool = False
    disable_email_obfuscation: bool = False
    enhanced_threat_control_enabled: bool = False
    alerts: list[AppAlert] = Field(default_factory=list)
    domains: list[Domain] = Field(min_length=1)
    ingress: Ingress
    databases: list[Database] = Field(default_factory=list)
    services: list[Service] = Field(min_length=1)
    jobs: list[Job] = Field(default_factory=list)

    @model_validator(mode="after")
    def _named_once(self) -> Self:
        names = [each.name for each in (*self.services, *self.jobs)] + [each.name for each in self.databases]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"these names are given twice: {', '.join(twice)}")
        for component in (*self.services, *self.jobs):
            keys = [env.key for env in component.envs]
            if again := sorted({key for key in keys if keys.count(key) > 1}):
                raise ValueError(f"{component.name} gives these variables twice: {', '.join(again)}")
        return self


def read(text: str) -> AppSpec:
    """Read a spec; raises Failure with every place that the vendor would refuse, values left out."""
    try:
        return AppSpec.model_validate(yaml.safe_load(text))
    except yaml.YAMLError as error:
        raise Failure("a spec in YAML", " ".join(str(error).split())) from None
    except ValidationError as error:
        problems = [
            f"{'.'.join(map(str, row['loc'])) or 'spec'}: {row['msg']}" for row in error.errors(include_input=False)
        ]
        raise Failure("a spec that App Platform takes", "; ".join(problems)) from None
