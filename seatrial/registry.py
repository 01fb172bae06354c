"""What is registered: checks by id, faults by name; the decorators that put them there."""

import difflib
import importlib.util
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import zip_longest
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol, TypeVar, cast

from seatrial.errors import UsageError
from seatrial.outcome import Outcome, Severity

CHECK_ATTRIBUTE = "__seatrial_check__"
CHECK_ID = re.compile(r"^[A-Z]{2,5}(-[A-Z0-9]{2,6})?-\d{2}$")
# By what a strike touches: rights and settings are configuration, also those of a running server; rows, keys and stored files are data.
KINDS = ("configuration", "data", "network", "TLS", "code", "time", "disk", "process", "cloud objects")

F = TypeVar("F", bound=Callable[..., None])
C = TypeVar("C", bound=type)


@dataclass(frozen=True)
class Plan:
    """What a drill would do, for whoever is to allow it.

    Attributes:
        strikes: what is struck, and how: "one worker is killed in the middle of a job".
        noticed: who would notice, and what of.
        undone: what its undo does.
        undo_s: how long the undo takes at most.
        answered_by: ids of the checks that say, without touching anything, whether what is to recover is in place.
    """

    strikes: str
    noticed: str
    undone: str
    undo_s: float
    answered_by: tuple[str, ...] = ()


@dataclass(frozen=True)
class Check:
    """A check as its decorator declares it; level, title and place come from the collected function."""

    id: str
    severity: Severity
    component: str
    alone: bool
    plan: Plan | None = None
    needs: tuple[str, ...] = ()


class Strike(Protocol):
    """What a fault class must offer."""

    def strike(self, destroy: Any) -> None:
        """Break the environment through the handle's primitives."""

    def in_effect(self, observe: Any) -> bool:
        """Ask another probe whether the environment really is broken."""


@dataclass(frozen=True)
class Expected:
    """What a fault does to one check: the outcome it must have and the words it must say."""

    outcome: Outcome
    words: str


@dataclass(frozen=True)
class Fault:
    """One way to break an environment.

    Attributes:
        caught_by: check id -> the outcome and words it must end with.
        takes_s: how long it may take until `in_effect` answers yes.
    """

    id: str
    kind: str
    caught_by: Mapping[str, Expected]
    takes_s: float
    strike: Strike
    title: str
    file: Path


FAULTS: dict[str, Fault] = {}


def check(
    check_id: str,
    *,
    severity: Severity,
    component: str,
    alone: bool = False,
    plan: Plan | None = None,
    needs: tuple[str, ...] = (),
) -> Callable[[F], F]:
    """Mark a test function as the check with that id.

    Args:
        severity: blocker and major checks are required for GO; minor ones are reported.
        component: what is at fault when it fails and the failure names nothing closer.
        alone: it disturbs others or is disturbed, so that it runs in the serial stage.
        plan: what it would do, for a drill.
        needs: parts that a platform may do without; where it does, the check is NOT-RUN.
    """
    if not CHECK_ID.match(check_id):
        raise UsageError(f"check id {check_id!r} is not of the form INF-PG-01")

    def mark(function: F) -> F:
        setattr(function, CHECK_ATTRIBUTE, Check(check_id, severity, component, alone, plan, needs))
        return function

    return mark


def fault(
    fault_id: str, *, kind: str, caught_by: Mapping[str, str | tuple[str, str]], takes_s: float = 10.0
) -> Callable[[C], C]:
    """Register a class with `strike(destroy)` and `in_effect(observe)` as a fault.

    Args:
        kind: one of `KINDS`.
        caught_by: check id -> words that its finding must contain, or (outcome, words) where it must end INVALID.
        takes_s: seconds until the strike must be in effect.
    """
    if kind not in KINDS:
        raise UsageError(f"fault {fault_id}: unknown kind {kind!r}: one of {', '.join(KINDS)}")
    if not caught_by:
        raise UsageError(f"fault {fault_id} names no check that catches it")
    expected = {
        check_id: Expected(Outcome.FAILED, words) if isinstance(words, str) else Expected(Outcome(words[0]), words[1])
        for check_id, words in caught_by.items()
    }

    def register(cls: C) -> C:
        file = Path(sys.modules[cls.__module__].__file__ or "?")
        known = FAULTS.get(fault_id)
        if known and (known.file.resolve(), type(known.strike).__qualname__) != (file.resolve(), cls.__qualname__):
            places = f"{known.file}:{type(known.strike).__qualname__} and {file}:{cls.__qualname__}"
            raise UsageError(f"fault {fault_id} is declared twice: {places}")
        title = next(iter((cls.__doc__ or "").strip().splitlines()), "")
        if not title:
            raise UsageError(f"fault {fault_id} has no docstring that says what it is and where it comes from")
        FAULTS[fault_id] = Fault(fault_id, kind, expected, takes_s, cast(Strike, cls()), title, file)
        return cls

    return register


def importable(folder: Path) -> None:
    """Let files of a folder import their neighbours by the folder's own name, wherever we were started."""
    parent = str(folder.resolve().parent)
    if parent not in sys.path:
        sys.path.insert(0, parent)


def load_faults(*roots: Path) -> dict[str, Fault]:
    """Import every fault file under the roots and return the registry; raises UsageError naming the file at fault."""
    for root in roots:
        if not root.is_dir():
            raise UsageError(f"no folder of faults at {root}")
        importable(root)
        for file in sorted(root.rglob("*.py")):
            if not file.name.startswith("_"):
                import_file(file, root)
    return FAULTS


def import_file(file: Path, root: Path) -> ModuleType:
    """Import a file below a folder of faults, once, and return its module; raises UsageError naming the file at fault."""
    name = "seatrial_faults." + ".".join((*root.resolve().parts[1:], *file.relative_to(root).with_suffix("").parts))
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise UsageError(f"{file}: cannot be imported")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except UsageError:
        raise
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        raise UsageError(f"{file}: {type(error).__name__}: {error}") from error
    return module


def pick(faults: Mapping[str, Fault], wanted: str) -> Fault:
    """Return the fault of that name; raises UsageError with the nearest name."""
    if wanted in faults:
        return faults[wanted]
    close = difflib.get_close_matches(wanted, faults, n=1)
    hint = f"; did you mean {close[0]!r}?" if close else ""
    raise UsageError(f"no fault {wanted!r}{hint}")


def applicable(faults: Iterable[Fault], not_applicable: Mapping[str, str]) -> tuple[list[Fault], list[str]]:
    """Leave out of the faults the checks that the profile calls not applicable; of faults without any other, return a line each."""
    here, elsewhere = [], []
    for fault in faults:
        caught_by = {name: expected for name, expected in fault.caught_by.items() if name not in not_applicable}
        if not caught_by:
            reasons = "; ".join(f"{name}: {not_applicable[name]}" for name in sorted(fault.caught_by))
            elsewhere.append(f"NOT-RUN  {fault.id:34} not applicable: {reasons}")
        else:
            here.append(replace(fault, caught_by=caught_by))
    return here, elsewhere


def sample(faults: Iterable[Fault], size: int) -> list[Fault]:
    """Return up to `size` faults, taken from every kind in turn, always the same ones."""
    kinds: dict[str, list[Fault]] = {}
    for each in sorted(faults, key=lambda each: each.id):
        kinds.setdefault(each.kind, []).append(each)
    turns = [each for turn in zip_longest(*kinds.values()) for each in turn if each is not None]
    return turns[:size]
