"""How a mutant ended, and what all of them come to."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from seatrial.statistics import Bounds, wilson_bounds

CONFIDENCE = 0.95


class End(StrEnum):
    """How the trial of one mutant ends.

    A kill is a check that failed on the mutant twice and passed again after it, or checks that came to an end without it alone.
    """

    KILLED = "killed"
    TIME_OUT = "time-out"
    SURVIVED = "survived"
    RELEASE_ONLY = "seen as a release only"
    STAYED_RED = "stayed red"
    UNCLEAR = "unclear"
    NOT_STARTED = "did not start"
    EQUIVALENT = "equivalent"


MEANING = {
    End.KILLED: "a check failed for it, twice, and passed again without it",
    End.TIME_OUT: "the checks did not end in their time, and did without it; counted as killed",
    End.SURVIVED: "every check that can see it passed",
    End.RELEASE_ONLY: "red only by a check that sees any release of its own; counted as not killed",
    End.STAYED_RED: "a check failed, and went on failing without it; counted as not killed",
    End.UNCLEAR: "no check failed twice, but one did once or could not measure; counted as not killed",
    End.NOT_STARTED: "the platform took the release back, which no check has to see; left out of the score",
    End.EQUIVALENT: "behaves as the source does, for a reviewed reason; left out of the score",
}


@dataclass(frozen=True)
class Tried:
    """One mutant's trial.

    Attributes:
        by: the check that killed it, or that was unclear.
        words: what that check said, or the reason of another end.
    """

    mutant: str
    end: End
    by: str = ""
    words: str = ""
    seconds: float = 0.0

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values; `from_json` is the inverse."""
        return {
            "mutant": self.mutant,
            "end": str(self.end),
            "by": self.by,
            "words": self.words,
            "seconds": round(self.seconds, 1),
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "Tried":
        """Rebuild a trial; raises KeyError, TypeError or ValueError on anything else."""
        return cls(**{**data, "end": End(data["end"])})


@dataclass(frozen=True)
class Score:
    """How many mutants ended how."""

    ends: Counter[End]

    @classmethod
    def of(cls, ends: Iterable[End]) -> "Score":
        """Count the ends."""
        return cls(Counter(ends))

    @property
    def killed(self) -> int:
        """How many were noticed."""
        return self.ends[End.KILLED] + self.ends[End.TIME_OUT]

    @property
    def judged(self) -> int:
        """How many the score is of: all that ran, and are not equivalent."""
        return self.ends.total() - self.ends[End.NOT_STARTED] - self.ends[End.EQUIVALENT]

    @property
    def share(self) -> float | None:
        """The score: which part was noticed; None where nothing was judged."""
        return self.killed / self.judged if self.judged else None

    @property
    def bounds(self) -> Bounds:
        """Where the share of all mutants lies, by the sample, with 95 % confidence."""
        return wilson_bounds(self.killed, self.judged, CONFIDENCE)

    def __str__(self) -> str:
        if self.share is None:
            return "none judged"
        low, high = self.bounds.low, self.bounds.high
        return f"{100 * self.share:.0f} % ({self.killed} of {self.judged}; 95 %: {100 * low:.0f} to {100 * high:.0f} %)"
