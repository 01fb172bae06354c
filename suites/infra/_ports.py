"""The private ports that are known, and who listens where."""

from collections.abc import Iterable
from dataclasses import dataclass

from seatrial import Invalid, Observe
from seatrial.platform import Listener, Listeners, Status
from suites.client import instances

WILDCARDS = frozenset({"0.0.0.0", "::", "*"})  # noqa: S104 - compared with, not bound


@dataclass(frozen=True)
class Private:
    """A private port: whose it is, and where it must answer to those inside."""

    name: str
    address: str
    port: int


def private_ports(observe: Observe, public: set[str]) -> list[Private]:
    """Return every port of the profile or the platform that is at none of the public addresses, each once."""
    profile, found = observe.profile, list[Private]()
    for name, place in (("postgres", profile.postgres), ("redis", profile.redis)):
        if place is not None:
            found.append(Private(name, place.address or place.host, place.port))
    for instance in instances(observe):
        if instance.via is not None:
            address, _, port = instance.via.rpartition(":")
            found.append(Private(instance.name, address, int(port)))
    if observe.platform.offers("status"):
        found += _of_platform(observe.platform.status())
    unique = {(each.address, each.port): each for each in reversed(found) if each.address not in public}
    return sorted(unique.values(), key=lambda each: (each.name, each.port))


def _of_platform(status: Status) -> list[Private]:
    parts = [part for part in status.parts.values() if part.address and part.port]
    found = [Private(part.name, part.address or "", part.port or 0) for part in parts]
    names = {part.address: part.name for part in parts}
    found += [Private(names.get(each.address, "declared"), each.address, each.port) for each in status.declared_ports]
    return found


def is_foreign(known: Listeners, address: str, port: int) -> bool:
    """Say whether what takes connections there is no affair of the system's.

    It was there before the start; or it is somebody's who listens everywhere, and meant this address no more than any other;
    or another user's, whose process the platform may not see.
    """
    if is_ours(known, address, port):
        return False
    others = [each.address in WILDCARDS or each.pid is None for each in known.now if _covers(each, address, port)]
    return covers_any(known.before, address, port) or (bool(others) and all(others))


def is_ours(known: Listeners, address: str, port: int) -> bool:
    """Say whether a part of the system takes connections there."""
    return any(each.part and _covers(each, address, port) for each in known.now)


def covers_any(listeners: Iterable[Listener], address: str, port: int) -> bool:
    """Say whether one of them takes connections to that address and port."""
    return any(_covers(listener, address, port) for listener in listeners)


def _covers(listener: Listener, address: str, port: int) -> bool:
    return listener.port == port and listener.address in {address, *WILDCARDS}


def parts_at(known: Listeners | None, address: str, port: int) -> str:
    """Name whose listeners take connections there, in parentheses: parts, or processes of nobody's; empty when nobody knows."""
    there = [each for each in known.now if _covers(each, address, port)] if known else []
    names = sorted({each.part or f"process {each.pid}" for each in there if each.part or each.pid})
    return f"({', '.join(names)})" if names else ""


def ports_of(text: str) -> list[int]:
    """Read "1-1024,8080" as ports, each once in order; raises Invalid for what is no such text."""
    found: set[int] = set()
    for part in text.split(","):
        first, _, last = part.strip().partition("-")
        if not first.isdigit() or not (last or first).isdigit():
            raise Invalid(f"{text!r} is no list of ports such as 1-1024,8080")
        low, high = int(first), int(last or first)
        if not 1 <= low <= high <= 65535:
            raise Invalid(f"{part.strip()!r} is no range of ports between 1 and 65535")
        found |= set(range(low, high + 1))
    return sorted(found)
