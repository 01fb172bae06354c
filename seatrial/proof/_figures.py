"""What a record comes to: rates, what stayed green, who alone saw a fault, who else turned red, and the time."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from statistics import median

from seatrial.outcome import Outcome
from seatrial.proof._trial import Proof, Proven, worst_of_each
from seatrial.statistics import Bounds, wilson_bounds

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Share:
    """So many of so many, and where the true share lies with 95 % confidence (Wilson)."""

    found: int
    of: int

    @property
    def bounds(self) -> Bounds:
        """Where the true share lies."""
        return wilson_bounds(self.found, self.of, CONFIDENCE)

    def __str__(self) -> str:
        if not self.of:
            return "0 of 0: nothing was measured"
        low, high = self.bounds.low, self.bounds.high
        return f"{self.found} of {self.of}, {self.found / self.of:.1%} (95 % interval {low:.1%} to {high:.1%})"


@dataclass(frozen=True)
class Figures:
    """A record in figures; of a fault that was tried more than once, the trial that proves least counts.

    Attributes:
        faults: fault id -> its trial.
        detected: the caught among those in effect; a trial that was INVALID proves nothing either way, and is in `invalid`.
        stayed_green: checks that were asked and that no fault turned red.
        never_asked: checks that no trial asked.
        seen_by_one: caught fault -> the one check that turned red.
        alone: those of them that were shown to more than one check.
        collateral: check -> faults under which it turned red without being named by them.
        median_s, longest_s, total_s: of the trials' times; 0 without any.
    """

    faults: Mapping[str, Proven]
    detected: Share
    missed: tuple[Proven, ...]
    invalid: tuple[Proven, ...]
    stayed_green: tuple[str, ...]
    never_asked: tuple[str, ...]
    seen_by_one: Mapping[str, str]
    alone: tuple[str, ...]
    collateral: Mapping[str, tuple[str, ...]]
    median_s: float
    longest_s: float
    total_s: float


def figures(trials: list[Proven], checks: Iterable[str]) -> Figures:
    """Return the figures of trials.

    Args:
        checks: the ids of all checks that there are.
    """
    faults = worst_of_each(trials)
    ended = {proof: tuple(trial for trial in faults.values() if trial.proof is proof) for proof in Proof}
    turned = {*proven_checks(faults.values()), *(name for trial in faults.values() for name in trial.reds)}
    asked = {name for trial in faults.values() for name in (*trial.seen, *measured(trial.beside))}
    known = sorted(checks)
    one = {trial.fault: next(iter(trial.reds)) for trial in ended[Proof.CAUGHT] if len(trial.reds) == 1}
    collateral: dict[str, list[str]] = {}
    for trial in faults.values():
        for name in trial.collateral:
            collateral.setdefault(name, []).append(trial.fault)
    times = [trial.duration_s for trial in trials]
    return Figures(
        faults=faults,
        detected=Share(len(ended[Proof.CAUGHT]), len(ended[Proof.CAUGHT]) + len(ended[Proof.MISSED])),
        missed=ended[Proof.MISSED],
        invalid=ended[Proof.INVALID],
        stayed_green=tuple(name for name in known if name in asked and name not in turned),
        never_asked=tuple(name for name in known if name not in asked),
        seen_by_one=one,
        alone=tuple(name for name in one if len(faults[name].seen) + len(measured(faults[name].beside)) > 1),
        collateral={name: tuple(found) for name, found in sorted(collateral.items())},
        median_s=median(times) if times else 0.0,
        longest_s=max(times, default=0.0),
        total_s=sum(times),
    )


def measured(beside: Mapping[str, str]) -> dict[str, str]:
    """Return the outcomes that are measurements."""
    return {name: outcome for name, outcome in beside.items() if outcome in {Outcome.PASSED, Outcome.FAILED}}


def proven_checks(trials: Iterable[Proven]) -> Counter[str]:
    """Return check -> how many faults it caught for the stated reason, that may have been to end INVALID."""
    return Counter(name for trial in trials if trial.proof is Proof.CAUGHT for name in trial.seen)
