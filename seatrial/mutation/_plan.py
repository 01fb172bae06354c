"""What may be changed and who may see it: `mutation.toml`, beside the faults of a product."""

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seatrial.errors import UsageError
from seatrial.expected import Row
from seatrial.mutation._spared import Spared
from seatrial.outcome import Level

NAME = "mutation.toml"


@dataclass(frozen=True)
class Service:
    """One service: the patterns of its files below the tree, and the checks that can see it."""

    name: str
    files: tuple[str, ...]
    checks: tuple[str, ...]


@dataclass(frozen=True)
class Plan:
    """What a product says of its mutants.

    Attributes:
        release: "file:Class" of the fault that deploys a patched copy of the source; the file stands beside the plan.
        not_counted: checks that see any release of its own, whatever it does; red by them is no kill.
        left_out: file -> why none of its lines is changed.
    """

    path: Path
    release: str
    not_counted: tuple[str, ...]
    spared: Spared
    left_out: Mapping[str, str]
    services: tuple[Service, ...]

    def files(self, tree: Path, service: Service) -> list[str]:
        """Return a service's files, relative to the tree; raises UsageError for a pattern that names none."""
        found: set[str] = set()
        for pattern in service.files:
            named = {str(file.relative_to(tree)) for file in tree.glob(pattern) if file.is_file()}
            if not named:
                raise UsageError(f"{self.path}: {service.name}: no file is named by {pattern!r} below {tree}")
            found |= named
        return sorted(found - self.left_out.keys())


def read(faults: Path, rows: Iterable[Row]) -> Plan:
    """Read the plan of a folder of faults; raises UsageError where it is missing, malformed or names what there is not."""
    path = faults / NAME
    try:
        plan = _plan(path, tomllib.loads(path.read_text()))
    except FileNotFoundError:
        raise UsageError(f"{path} is missing: it says which files may be changed, and which checks see them") from None
    except (tomllib.TOMLDecodeError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise UsageError(f"{path}: not a plan of mutants: {type(error).__name__}: {error}") from None
    known = {row.id: row for row in rows}
    for service in plan.services:
        for name in (*service.checks, *plan.not_counted):
            if name not in known:
                raise UsageError(f"{path}: {service.name}: no check {name!r} in expected.toml")
            if known[name].level > Level.EXERCISE:
                raise UsageError(f"{path}: {service.name}: {name} is above exercise, and mutants are only looked at")
        if both := set(service.checks) & set(plan.not_counted):
            raise UsageError(f"{path}: {service.name}: {min(both)} is not counted")
    return plan


def choose(plan: Plan, wanted: Iterable[str]) -> tuple[Service, ...]:
    """Return the services of those names, all where none is named; raises UsageError for an unknown one."""
    names = [service.name for service in plan.services]
    if unknown := sorted(set(wanted) - set(names)):
        raise UsageError(f"no service named {unknown[0]!r}: {plan.path} has {', '.join(names)}")
    return tuple(service for service in plan.services if service.name in wanted or not wanted)


def _plan(path: Path, data: dict[str, Any]) -> Plan:
    return Plan(
        path,
        str(data["release"]),
        tuple(data["not_counted"]),
        Spared(frozenset(data["loggers"]), frozenset(data["texts"])),
        dict(data.get("left_out", {})),
        tuple(Service(name, tuple(each["files"]), tuple(each["checks"])) for name, each in data["services"].items()),
    )
