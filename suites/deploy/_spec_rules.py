"""What App Platform would take and is wrong all the same: where the spec's parts disagree, or leave something unwatched."""

import re
from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit

from suites.deploy._app_spec import ENCRYPTED, AppSpec, Component, Service
from suites.deploy._image import Image

__all__ = [
    "different_values", "given", "jobs", "origins", "public", "secrets", "service", "unknown_bindables", "whole",
]  # fmt: skip

FEWEST = 2  # one instance is down during each of its restarts
WATCHED = {"CPU_UTILIZATION", "MEM_UTILIZATION", "RESTART_COUNT"}
WATCHED_WHOLE = {"DEPLOYMENT_FAILED", "DOMAIN_FAILED"}
_BINDABLE = re.compile(r"\$\{([^}]*)\}")
_OF_SERVICE = ("PRIVATE_URL", "PRIVATE_DOMAIN", "PRIVATE_PORT", "PUBLIC_URL", "PUBLIC_DOMAIN")
_OF_DATABASE = ("DATABASE_URL", "HOSTNAME", "PORT", "USERNAME", "PASSWORD", "DATABASE", "CA_CERT")


def service(given: Service, image: Image, drain_s: float) -> Iterator[str]:
    """Name what is wrong with a service, given its image and how long it drains after SIGTERM."""
    if not given.image.repository.endswith(f"-{given.name}"):
        yield f"its image is {given.image.repository}, another's"
    if given.http_port != image.port:
        yield f"http_port is {given.http_port}, and the image listens on {image.port}"
    if given.health_check.http_path != image.health_path:
        yield f"health_check asks {given.health_check.http_path}, and the image is ready at {image.health_path}"
    if given.liveness_health_check.http_path != "/livez":
        # Readiness fails with a dependency, and all instances would be restarted for what no restart mends.
        yield f"liveness_health_check asks {given.liveness_health_check.http_path}, not /livez"
    for name, probe in (("health_check", given.health_check), ("liveness_health_check", given.liveness_health_check)):
        if probe.port not in {None, given.http_port}:
            yield f"{name} asks port {probe.port}, and the service listens on {given.http_port}"
    if given.fewest < FEWEST:
        yield f"there may be {given.fewest} instance, expected {FEWEST} at least"
    if given.termination.grace_period_seconds <= drain_s:
        yield f"grace_period_seconds is {given.termination.grace_period_seconds}, and the service drains for {drain_s:g} s"
    watched = {alert.rule for alert in given.alerts if not alert.disabled and alert.operator == "GREATER_THAN"}
    yield from (f"no alert {rule}" for rule in sorted(WATCHED - watched))


def whole(spec: AppSpec) -> Iterator[str]:
    """Name what is wrong with the app itself."""
    if not spec.enhanced_threat_control_enabled:
        yield "enhanced_threat_control_enabled is not true"
    watched = {alert.rule for alert in spec.alerts if not alert.disabled}
    yield from (f"no alert {rule}" for rule in sorted(WATCHED_WHOLE - watched))


def public(spec: AppSpec) -> Iterator[str]:
    """Name what is wrong between domains, ingress rules and the origins that the services are told."""
    domains = [domain.domain for domain in spec.domains]
    if len(set(domains)) < len(domains):
        yield "a domain is given twice"
    if [domain.type for domain in spec.domains].count("PRIMARY") != 1:
        yield "there is not one primary domain"
    routed = {
        rule.match.authority.exact: rule.component.name for rule in spec.ingress.rules if rule.match.path.prefix == "/"
    }
    for rule in spec.ingress.rules:
        if rule.component.name not in {each.name for each in spec.services}:
            yield f"an ingress rule leads to {rule.component.name}, and there is no such service"
        if rule.match.authority.exact not in domains:
            yield f"an ingress rule is for {rule.match.authority.exact}, which is no domain"
    yield from (f"no ingress rule leads all of {name} anywhere" for name in domains if name not in routed)
    for what, told in origins(spec).items():
        expected = {"API_ORIGIN": "api", "APP_ORIGIN": "frontend", "PLAY_ORIGIN": "edge"}[what]
        host, scheme = urlsplit(told).hostname, urlsplit(told).scheme
        if scheme != "https" or routed.get(str(host)) != expected:
            yield f"{what} is {told}, which leads to {routed.get(str(host), 'nothing')}, not to {expected}"


def origins(spec: AppSpec) -> dict[str, str]:
    """Return the origins that the services are told."""
    return {env.key: env.value for each in spec.services for env in each.envs if env.key.endswith("_ORIGIN")}


def jobs(spec: AppSpec) -> Iterator[str]:
    """Name what is wrong with the jobs: a migration before, a word after a failure, both from an image of this release."""
    before = [job for job in spec.jobs if job.kind == "PRE_DEPLOY"]
    if not any("system.migrations up" in job.run_command for job in before):
        yield "no PRE_DEPLOY job migrates"
    if not any(job.kind == "FAILED_DEPLOY" for job in spec.jobs):
        yield "no FAILED_DEPLOY job says so"
    images = [each.image for each in spec.services]
    for job in spec.jobs:
        if job.image not in images:
            yield f"job {job.name} runs another image than any service"
        url = urlsplit(given(spec, job).get("DATABASE_URL", ""))
        pooled = {urlsplit(given(spec, each).get("DATABASE_URL", "")).port for each in spec.services} - {None}
        if url.port in pooled:
            yield f"job {job.name} connects to port {url.port}, the pooler's: its session's lock would not hold"


def given(spec: AppSpec, component: Component) -> dict[str, str]:
    """Return a component's variables as the program would see them, secrets and certificates apart."""
    ports = {each.name: each.http_port for each in spec.services}
    values = {}
    for env in component.envs:
        value = env.value
        for name, port in ports.items():
            value = value.replace(f"${{{name}.PRIVATE_URL}}", f"http://{name}:{port}")
        values[env.key] = value
    return values


def unknown_bindables(spec: AppSpec, component: Component) -> Iterator[str]:
    """Name each `${...}` that App Platform would leave as it stands."""
    known = {f"{each.name}.{what}" for each in spec.services for what in _OF_SERVICE}
    known |= {f"{each.name}.{what}" for each in spec.databases for what in _OF_DATABASE}
    for env in component.envs:
        yield from (f"{env.key}: ${{{name}}} is nobody's" for name in _BINDABLE.findall(env.value) if name not in known)


def secrets(component: Component) -> Iterator[str]:
    """Name each secret that does not stand there encrypted, and what would also be told to a build."""
    for env in component.envs:
        if env.type == "SECRET" and not ENCRYPTED.match(env.value):
            yield f"{env.key}: a secret's value stands in the file"
        if env.scope != "RUN_TIME":
            yield f"{env.key}: its scope is {env.scope}, and nothing is built here"


def different_values(by_component: Mapping[str, Mapping[str, str]]) -> Iterator[str]:
    """Name each variable for which two components are told different things, their own database and secrets apart."""
    own = (
        "DATABASE_",
        "REDIS_URL",
        "REDIS_PASSWORD",
        "REDIS_CA",
        "S3_ACCESS",
        "S3_SECRET",
        "INSTANCE",
        "LISTEN_",
        "RELEASE",
        "CACHE_",
    )
    seen: dict[str, dict[str, str]] = {}
    for component, values in by_component.items():
        for key, value in values.items():
            if not key.startswith(own):
                seen.setdefault(key, {})[component] = value
    for key, told in sorted(seen.items()):
        if len(set(told.values())) > 1:
            yield f"{key} differs: " + ", ".join(f"{name} has {value}" for name, value in sorted(told.items()))
