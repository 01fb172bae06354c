"""Weigh results into GO, NO-GO or INCONCLUSIVE."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from seatrial.basis import Basis
from seatrial.outcome import Outcome, Result


class Ruling(StrEnum):
    """The three verdicts and their exit codes."""

    GO = "GO"
    NO_GO = "NO-GO"
    INCONCLUSIVE = "INCONCLUSIVE"

    @property
    def exit_code(self) -> int:
        """Exit code of `seatrial gate`: 0 only for GO."""
        return {Ruling.GO: 0, Ruling.NO_GO: 1, Ruling.INCONCLUSIVE: 2}[self]


@dataclass(frozen=True)
class Verdict:
    """A ruling with everything it rests on.

    Attributes:
        scope: "all", or the suites and ids named on the command line.
        required: ids that had to pass.
        missing: required ids without any result.
        not_armed: ids that were not run because their level was not armed or not granted.
        problems: why the run as a whole cannot be trusted ("filtered by -k", "worker gw0 crashed").
        timings: stage name -> seconds ("cold start", "observe and exercise", ...).
        waivers: check id -> {"owner", "reason", "expires"} for those used.
        basis: the releases and the files that it is about; empty for raw pytest, which looks at neither.
        signature: "signed with key ID", or "not signed: " and why.
    """

    ruling: Ruling
    environment: str
    release: str
    scope: str
    level: str
    started_at: str
    duration_s: float
    results: tuple[Result, ...]
    required: tuple[str, ...]
    missing: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    timings: dict[str, float] = field(default_factory=dict)
    waivers: dict[str, dict[str, str]] = field(default_factory=dict)
    harness: str = ""
    basis: Basis = field(default_factory=Basis)
    signature: str = "not signed"

    @property
    def not_armed(self) -> tuple[str, ...]:
        """Ids that were left out because nobody granted or armed their level."""
        left_out = ("not armed", "not granted")
        return tuple(r.id for r in self.results if r.outcome is Outcome.NOT_RUN and r.reason.startswith(left_out))

    @property
    def line(self) -> str:
        """The first and last line of every report."""
        return f"{self.ruling}  environment {self.environment}  release {self.release}  scope {self.scope}"

    def to_json(self) -> dict[str, Any]:
        """Return verdict.json's content, shaped by verdict.schema.json."""
        return {
            "schema": 1,
            "verdict": str(self.ruling),
            "environment": self.environment,
            "release": self.release,
            "releases": dict(self.basis.releases),
            "files": dict(self.basis.files),
            "scope": self.scope,
            "level": self.level,
            "harness": self.harness,
            "started_at": self.started_at,
            "duration_s": round(self.duration_s, 3),
            "required": list(self.required),
            "missing": list(self.missing),
            "problems": list(self.problems),
            "timings": {name: round(seconds, 3) for name, seconds in self.timings.items()},
            "waivers": self.waivers,
            "signature": self.signature,
            "results": [result.to_json() for result in self.results],
        }


def rule(
    results: Iterable[Result],
    required: Iterable[str],
    problems: Iterable[str] = (),
    waived: Iterable[str] = (),
    unfit: Iterable[str] = (),
) -> tuple[Ruling, tuple[str, ...]]:
    """Return the ruling and the required ids that have no result.

    A required check that failed without a waiver makes NO-GO, and so does an unfit waiver; one that is INVALID, NOT-RUN or missing, or any problem
    of the run itself, makes INCONCLUSIVE; nothing required makes INCONCLUSIVE too, since nothing was proven.
    """
    by_id = {result.id: result for result in results}
    needed, accepted = tuple(required), set(waived)
    missing = tuple(name for name in needed if name not in by_id)
    ended = [by_id[name] for name in needed if name in by_id and name not in accepted]
    if tuple(unfit) or any(result.outcome is Outcome.FAILED for result in ended):
        return Ruling.NO_GO, missing
    if not needed or missing or tuple(problems) or any(result.outcome is not Outcome.PASSED for result in ended):
        return Ruling.INCONCLUSIVE, missing
    return Ruling.GO, missing
