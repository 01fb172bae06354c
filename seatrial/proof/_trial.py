"""How the trial of one fault ended, and what was seen meanwhile."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from seatrial.outcome import Outcome


class Proof(StrEnum):
    """How the trial of one fault ends."""

    CAUGHT = "CAUGHT"
    MISSED = "MISSED"
    INVALID = "INVALID"


@dataclass(frozen=True)
class Proven:
    """One fault's trial.

    Attributes:
        seen: check id -> its outcome while the fault was in effect, of the checks that must notice.
        beside: the same of checks that were asked for the matrix alone; what could not be measured is INVALID.
        said: check id -> its words, of those that were seen, and of those beside that turned red.
        struck: what the strike touched, "redis" or "api", by the undo log and by the files that were patched.
        tree: `digest` of what the outcome rests on; the record that takes the trial says it.
        reason: what went wrong, for MISSED and INVALID.
    """

    fault: str
    kind: str
    proof: Proof
    reason: str = ""
    seen: dict[str, str] = field(default_factory=dict)
    said: dict[str, str] = field(default_factory=dict)
    beside: dict[str, str] = field(default_factory=dict)
    struck: tuple[str, ...] = ()
    tree: str = ""
    duration_s: float = 0.0

    @property
    def reds(self) -> dict[str, str]:
        """The checks that turned red, with their words: what must have seen the fault, and what saw it beside."""
        return {
            name: self.said.get(name, "")
            for name, outcome in {**self.beside, **self.seen}.items()
            if outcome == Outcome.FAILED
        }

    @property
    def collateral(self) -> tuple[str, ...]:
        """The checks that turned red although the fault does not name them."""
        return tuple(sorted(name for name, outcome in self.beside.items() if outcome == Outcome.FAILED))

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values; `from_json` is the inverse."""
        return {
            "fault": self.fault,
            "kind": self.kind,
            "proof": str(self.proof),
            "reason": self.reason,
            "seen": self.seen,
            "said": self.said,
            "beside": self.beside,
            "struck": list(self.struck),
            "tree": self.tree,
            "duration_s": round(self.duration_s, 3),
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "Proven":
        """Rebuild a trial from `to_json`; raises KeyError, TypeError or ValueError on anything else."""
        return cls(**{**data, "proof": Proof(data["proof"]), "struck": tuple(data["struck"])})


def worst_of_each(trials: list[Proven]) -> dict[str, Proven]:
    """Return one trial for each fault: of several the one that proves least, for a fault that was missed once is missed."""
    order = [Proof.CAUGHT, Proof.INVALID, Proof.MISSED]
    worst: dict[str, Proven] = {}
    for trial in trials:
        known = worst.setdefault(trial.fault, trial)
        if order.index(trial.proof) > order.index(known.proof):
            worst[trial.fault] = trial
    return worst
