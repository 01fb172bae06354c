"""Tell whether two kinds of request take equally long, on a machine that is busy with other things as well."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

from seatrial import Invalid

FEWEST_PAIRS = 24
MOST_PAIRS = 400
# Two-sided 99.9 %: many kinds are compared in one check, and a busy machine must not be taken for a gap.
_Z = 3.29


@dataclass(frozen=True)
class Gap:
    """How much longer the second kind takes: the median of paired differences, and where it lies with 99.9 %."""

    median_s: float
    low_s: float
    high_s: float
    pairs: int

    def within(self, effect_s: float) -> bool:
        """Say whether the true gap is smaller than the effect, either way."""
        return -effect_s < self.low_s and self.high_s < effect_s

    def beyond(self, effect_s: float) -> bool:
        """Say whether the true gap is larger than the effect, either way."""
        return self.low_s > effect_s or self.high_s < -effect_s

    def __str__(self) -> str:
        low, mid, high = (1000 * each for each in (self.low_s, self.median_s, self.high_s))
        return f"{mid:+.2f} ms (between {low:+.2f} and {high:+.2f} ms, {self.pairs} pairs)"


def gap_of(differences: Sequence[float]) -> Gap:
    """Return the median difference and its interval by order statistics, which asks nothing of the distribution."""
    ordered = sorted(differences)
    lowest = max(0, math.floor(len(ordered) / 2 - _Z * math.sqrt(len(ordered)) / 2))
    return Gap(median(ordered), ordered[lowest], ordered[-1 - lowest], len(ordered))


def measured_gap(first: Callable[[], float], second: Callable[[], float], effect_s: float) -> Gap:
    """Take pairs in turns, first and second swapped each time, until the gap is known to be within or beyond the effect.

    Raises Invalid when it is neither after many pairs: then the machine is too noisy to say anything.
    """
    differences: list[float] = []
    while len(differences) < MOST_PAIRS:
        if len(differences) % 2:
            one = first()
            differences.append(second() - one)
        else:
            other = second()
            differences.append(other - first())
        gap = gap_of(differences)
        if gap.pairs >= FEWEST_PAIRS and (gap.within(effect_s) or gap.beyond(effect_s)):
            return gap
    raise Invalid(f"too much noise to see an effect of {1000 * effect_s:g} ms: {gap_of(differences)}")
