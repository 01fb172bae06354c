"""What a check ended with, and all that a report needs to know of it."""

from dataclasses import asdict, dataclass, field
from enum import IntEnum, StrEnum
from typing import Any

# How the reason of a NOT-RUN begins where the profile says that the environment does not need the check.
NOT_APPLICABLE = "not applicable: "


class Level(IntEnum):
    """What a check may do to the environment; each level includes the one below."""

    OBSERVE = 0
    EXERCISE = 1
    DISRUPT = 2
    DESTROY = 3

    @classmethod
    def parse(cls, text: str) -> "Level":
        """Return the level of exactly that name; raises ValueError with the four names."""
        named = {str(level): level for level in cls}
        if text not in named:
            raise ValueError(f"unknown level {text!a}: one of {', '.join(named)}")
        return named[text]

    def __str__(self) -> str:
        return self.name.lower()


class Severity(StrEnum):
    """How much a failed check weighs: blocker and major are required, minor is reported."""

    BLOCKER = "blocker"
    MAJOR = "major"
    MINOR = "minor"


class Outcome(StrEnum):
    """How a check ends; anything that is not a measurement is never PASSED."""

    PASSED = "PASSED"
    FAILED = "FAILED"
    INVALID = "INVALID"
    NOT_RUN = "NOT-RUN"


@dataclass(frozen=True)
class Finding:
    """One thing that was measured and is wrong, or one reason why nothing was measured."""

    expected: str
    seen: str
    where: str
    case: str = ""


@dataclass(frozen=True)
class Footprint:
    """What a check cost the environment, counted in its handle."""

    requests: int = 0
    connections: int = 0
    bytes_sent: int = 0
    bytes_received: int = 0
    writes: int = 0


@dataclass(frozen=True)
class Result:
    """One check's end.

    Attributes:
        id: the catalogue's id, "INF-RD-03".
        suite: the folder under suites/, "infra".
        title: the first line of the check's docstring.
        reason: one line for INVALID and NOT-RUN; empty for the others.
        findings: what failed, one entry per failed case.
        evidence: name -> what was seen, JSON values, redacted.
        repeat: a command line that runs this check alone.
        runbook: path of the runbook section, "docs/runbooks/infra.md#inf-rd-03".
        marks: FLAKY, beside the outcome.
        log: last log lines or a traceback, redacted, for INVALID results and failures outside of `Failure`.
    """

    id: str
    suite: str
    title: str
    severity: Severity
    level: Level
    component: str
    outcome: Outcome
    duration_s: float
    started_at: str
    reason: str = ""
    findings: tuple[Finding, ...] = ()
    evidence: dict[str, Any] = field(default_factory=dict)
    footprint: Footprint = Footprint()
    repeat: str = ""
    runbook: str = ""
    marks: tuple[str, ...] = ()
    log: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values; `from_json` is the inverse."""
        return {**asdict(self), "level": str(self.level), "severity": str(self.severity), "outcome": str(self.outcome)}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "Result":
        """Rebuild a result from `to_json`; raises KeyError, TypeError or ValueError on anything else."""
        return cls(
            **{
                **data,
                "severity": Severity(data["severity"]),
                "level": Level.parse(data["level"]),
                "outcome": Outcome(data["outcome"]),
                "findings": tuple(Finding(**finding) for finding in data["findings"]),
                "footprint": Footprint(**data["footprint"]),
                "marks": tuple(data["marks"]),
            }
        )
