"""Every instance of every service: where it answers, and what it says that it runs."""

from collections.abc import Mapping
from dataclasses import dataclass

from seatrial import Observe

SERVICES = ("api", "worker", "edge", "frontend")
HOSTS = {"api": "api", "edge": "play", "frontend": "app"}  # service -> its name in [urls]; the worker has none


@dataclass(frozen=True)
class Instance:
    """One instance: `via` is its private address, None where only the public host can be reached."""

    service: str
    name: str
    via: str | None

    def url(self, path: str) -> str:
        """Return the named URL of a path of this service."""
        return f"{HOSTS.get(self.service, 'api')}:{path}"


@dataclass(frozen=True)
class Running:
    """What an instance says of itself; the texts are empty when it does not answer, `error` says why."""

    service: str = ""
    name: str = ""
    release: str = ""
    error: str = ""


def instances(observe: Observe, *services: str) -> list[Instance]:
    """Return every declared instance of the services (none named: of all), by private address."""
    return [
        Instance(service, name, via)
        for service in services or SERVICES
        for name, via in (
            observe.profile.services[service].instances.items() if service in observe.profile.services else ()
        )
    ]


def doors(observe: Observe, service: str) -> dict[str, str | None]:
    """Return the ways to a service: the public host, and each instance at its private address."""
    return {"public": None} | {each.name: each.via for each in instances(observe, service) if each.via}


def running(observe: Observe, instance: Instance) -> Running:
    """Ask an instance what it runs."""
    path = observe.profile.services[instance.service].version
    answer = observe.http.get(instance.url(path), via=instance.via)
    if answer.status != 200:
        return Running(error=answer.error or f"{answer.status} from {path}")
    said = answer.json()
    if not isinstance(said, Mapping):
        return Running(error=f"not an object from {path}: {answer.text[:100]}")
    return Running(str(said.get("service", "")), str(said.get("instance", "")), str(said.get("release", "")))


def every_instance_runs(observe: Observe, release: str) -> bool:
    """Say whether every declared instance reports this release: what makes a code fault one that is in effect."""
    found = instances(observe)
    return bool(found) and bool(release) and all(running(observe, each).release == release for each in found)
