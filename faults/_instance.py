"""What faults of instances share: what a live process was started with, and how it answers."""

from seatrial import Observe


def started_with(observe: Observe, part: str, variable: str, value: str = "") -> bool:
    """Say by the kernel's word whether a process of the part has the variable, with a value that begins so."""
    found = observe.platform.scan(canaries=[f"{variable}={value}"]).canaries
    return any(each.kind == "environment" and each.place.split(" ")[0] == part for each in found)


def door(observe: Observe, service: str, instance: str) -> str:
    """Return what comes of connecting to an instance: open, refused, timeout, or the error."""
    address, _, port = observe.profile.services[service].instances[instance].rpartition(":")
    return observe.tcp.connect(address, int(port))


def dependency(observe: Observe, service: str, instance: str, name: str) -> bool | None:
    """Return what an instance says of a dependency at its ready probe; None where it says nothing of it."""
    place = observe.profile.services[service]
    answer = observe.http.get(f"api:{place.ready}", via=place.instances[instance])
    said = answer.json() if answer.status in {200, 503} else {}
    found = said.get("dependencies", {}).get(name, {}).get("ok")
    return found if isinstance(found, bool) else None
