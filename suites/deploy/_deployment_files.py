"""A deployment's files, read in the order in which one explains the next; each step gives cases with the problems found."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import yaml

from seatrial import Failure, Invalid
from seatrial.profile import Profile
from suites.deploy import _compose_spec, _image, _spec_rules, _tofu_rules, _variables
from suites.deploy._app_spec import AppSpec
from suites.deploy._image import Image
from suites.deploy._tofu import Tofu
from suites.security import _dockerfile

__all__ = ["Files", "Problems", "against_profile"]

GPU_SERVICE = "worker"
CLOUD_INIT = "worker.cloud-init.yaml"
WORKER_FOLDER = "/run/seatrial"
MIGRATE = "system.migrations"
Problems = tuple[str, list[str]]


@dataclass
class Files:
    """The files of one tree; services drain for `drain_s` seconds after SIGTERM."""

    tree: Path
    drain_s: float

    def __post_init__(self) -> None:
        self.images: dict[str, Image] = {}
        self.asked: list[str] = []

    def text(self, name: str) -> str:
        try:
            return (self.tree / name).read_text()
        except OSError as error:
            raise Failure(f"the file {name} in the tree", error.strerror, name) from None

    def dockerfile(self, file: str, services: set[str]) -> Iterator[Problems]:
        stages = _dockerfile.stages_of(self.text(file))
        targets = {stage.name for stage in _dockerfile.targets_of(stages)}
        for service in sorted(services):
            if service not in targets:
                yield f"{service} is a target", ["there is none"]
                continue
            self.images[service] = _image.of(stages, service)
            yield f"{service} listens and is asked at one port", list(self.images[service].problems(service))

    def compose(self, compose: _compose_spec.Compose, services: set[str]) -> Iterator[Problems]:
        missing = sorted(services - compose.services.keys())
        yield "every service of the profile is there", [f"no {name}" for name in missing]
        for name, service in compose.services.items():
            yield f"{name} names what is there", list(_compose_spec.dangling(compose, service))
            target = service.build.target if service.build else None
            if name in services and target != name:
                yield f"{name} runs its own image", [f"it is built from {target or 'nothing that is here'}"]
            if target is None or target not in self.images:
                continue
            image = self.images[target]
            program = "migrations" if MIGRATE in service.command else target
            if name in services:
                asked = _image.asked(" ".join(service.healthcheck.test))
                problems = [] if asked == (image.port, image.health_path) else [f"its health check asks {asked}"]
                if int(service.stop_grace_period.removesuffix("s")) <= self.drain_s:
                    problems.append(
                        f"stop_grace_period is {service.stop_grace_period}, and it drains for {self.drain_s:g} s"
                    )
                yield f"{name} is asked where its image is ready, and may drain", problems
            files = service.secret_paths | {mount.target for mount in service.configs}
            secrets = {key for key, value in service.environment.items() if value in service.secret_paths}
            yield f"{name} is given what it reads", self._variables(program, service.environment, image, secrets, files)

    def app(self, spec: AppSpec, services: set[str]) -> Iterator[Problems]:
        wanted, found = services - {GPU_SERVICE}, {each.name for each in spec.services}
        yield (
            "its services are the profile's, without the GPU's",
            [f"only on one side: {name}" for name in sorted(wanted ^ found)],
        )
        for each in spec.services:
            if each.name in self.images:
                yield (
                    f"{each.name} is asked, counted, drained and watched",
                    list(_spec_rules.service(each, self.images[each.name], self.drain_s)),
                )
        for component in (*spec.services, *spec.jobs):
            problems = [*_spec_rules.unknown_bindables(spec, component), *_spec_rules.secrets(component)]
            program = "migrations" if MIGRATE in component.run_command else component.name
            secrets = {env.key for env in component.envs if env.type == "SECRET"}
            if program in {"migrations", *self.images}:
                image = self.images.get(program, self.images.get("api"))
                files = set(re.findall(r"> (/\S+)", component.run_command))
                problems += self._variables(
                    program, _spec_rules.given(spec, component), image, secrets, files, component.run_command
                )
            yield f"{component.name} is given what it reads", problems
        yield "the whole is guarded and watched", list(_spec_rules.whole(spec))
        yield "domains, ingress rules and origins agree", list(_spec_rules.public(spec))
        yield "it migrates before, and tells of a failure", list(_spec_rules.jobs(spec))

    def tofu(self, tofu: Tofu, folder: str, spec: AppSpec, major: int, profile: Profile) -> Iterator[Problems]:
        variables, unit = self._cloud_init(f"{folder}/{CLOUD_INIT}")
        told = {each.name: _open(spec, each.name) for each in spec.services} | {GPU_SERVICE: variables}
        urls = {name: values["DATABASE_URL"] for name, values in told.items() if "DATABASE_URL" in values}
        yield "every reference is declared", list(tofu.dangling())
        yield "the worker's GPU has an encoder", list(_tofu_rules.gpu(tofu))
        yield "clusters are those of the spec", list(_tofu_rules.databases(tofu, spec, major))
        yield "clusters trust the VPC alone", list(_tofu_rules.trusted(tofu))
        yield "pools leave connections free", list(_tofu_rules.connections(tofu))
        yield "services connect to pools", list(_tofu_rules.pools(tofu, urls))
        yield "droplets and clusters are watched", list(_tofu_rules.watched(tofu))
        yield (
            "every host is asked from outside",
            list(_tofu_rules.uptime(tofu, {domain.domain for domain in spec.domains})),
        )
        yield (
            "the worker's first boot is filled in",
            list(_tofu_rules.template(tofu, CLOUD_INIT, self.text(f"{folder}/{CLOUD_INIT}"))),
        )
        yield "the worker is given what it reads", self._worker(variables)
        seconds = re.search(r"--stop-timeout (\d+)", unit)
        short = (
            []
            if seconds and int(seconds[1]) > self.drain_s
            else [f"the unit stops it within {seconds[1] if seconds else 10} s"]
        )
        yield "the worker may drain", short
        yield "components are told the same", list(_spec_rules.different_values(told))
        if profile.cloud:
            yield "the profile's cloud is this one", list(against_profile(tofu, spec, told, profile))

    def _worker(self, variables: dict[str, str]) -> list[str]:
        if GPU_SERVICE not in self.images:
            return [f"there is no image of {GPU_SERVICE}"]
        files = {value for value in variables.values() if value.startswith(f"{WORKER_FOLDER}/")}
        secrets = {name for name, value in variables.items() if name.endswith("_FILE") and value in files}
        return self._variables(GPU_SERVICE, variables, self.images[GPU_SERVICE], secrets, files)

    def _cloud_init(self, file: str) -> tuple[dict[str, str], str]:
        """Return the worker's variables, and the unit that runs it."""
        files = {row["path"]: row["content"] for row in yaml.safe_load(self.text(file)).get("write_files", [])}
        lines = files.get("/etc/seatrial/worker.env", "").splitlines()
        return dict(line.split("=", 1) for line in lines if "=" in line), files.get(
            "/etc/systemd/system/seatrial-worker.service", ""
        )

    def _variables(
        self,
        program: str,
        given: dict[str, str],
        image: Image | None,
        secrets: set[str],
        files: Iterable[str],
        command: str = "",
    ) -> list[str]:
        if image is None:
            return [f"there is no image of {program}"]
        self.asked.append(program)
        return _variables.problems_of(
            self.tree, program, given, image=image.variables, secrets=secrets, files=set(files), command=command
        )


def _open(spec: AppSpec, service: str) -> dict[str, str]:
    component = next(each for each in spec.services if each.name == service)
    secret = {env.key for env in component.envs if env.type == "SECRET"}
    return {key: value for key, value in _spec_rules.given(spec, component).items() if key not in secret}


def against_profile(tofu: Tofu, spec: AppSpec, told: dict[str, dict[str, str]], profile: Profile) -> Iterator[str]:
    """Name where the files describe another environment than the profile does."""
    if not (profile.cloud and profile.postgres and profile.redis and profile.s3):
        raise Invalid("the profile has [cloud], and lacks [postgres], [redis] or [s3] to compare with")
    pairs = {
        "VPC": (spec.vpc.id, profile.cloud.vpc.id),
        "range": (
            tofu.value(tofu.of("digitalocean_vpc").get("this", {}).get("ip_range")),
            str(profile.cloud.vpc.range),
        ),
        "API_ORIGIN": (_spec_rules.origins(spec).get("API_ORIGIN"), profile.urls.get("api")),
        "APP_ORIGIN": (_spec_rules.origins(spec).get("APP_ORIGIN"), profile.urls.get("app")),
        "PLAY_ORIGIN": (_spec_rules.origins(spec).get("PLAY_ORIGIN"), profile.urls.get("play")),
        "count of workers": (tofu.value("${var.worker_count}"), len(profile.services[GPU_SERVICE].instances)),
    }
    for name, values in told.items():
        for key, wanted in (("DATABASE_URL", profile.postgres.host), ("REDIS_URL", profile.redis.host)):
            if key in values:
                pairs[f"{name}'s host in {key}"] = (urlsplit(values[key]).hostname, wanted)
        for key, wanted in (("S3_ENDPOINT", profile.s3.endpoint), ("S3_REGION", profile.s3.region)):
            if key in values:
                pairs[f"{name}'s {key}"] = (values[key], wanted)
        for bucket, wanted in profile.s3.buckets.items():
            if (key := f"BUCKET_{bucket.upper()}") in values:
                pairs[f"{name}'s {key}"] = (values[key], wanted)
    yield from (
        f"{what} is {here}, and the profile's is {there}" for what, (here, there) in pairs.items() if here != there
    )
    for name, declared in profile.cloud.firewalls.items():
        yield from _tofu_rules.firewall(tofu, name, declared)
