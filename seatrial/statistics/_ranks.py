"""Is one sample larger than another: ranks, which heavy tails and several modes cannot mislead.

Source: E. Brunner, U. Munzel, "The Nonparametric Behrens-Fisher Problem: Asymptotic Theory and a Small-Sample
Approximation", Biometrical Journal 42 (2000). Unlike the test of Mann and Whitney it asks for no equal spread. The normal
approximation used here is for samples of 50 and more.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from statistics import NormalDist, fmean, variance

_LARGEST_RATIO = 1000.0
_NORMAL = NormalDist()


@dataclass(frozen=True)
class Ranks:
    """How two samples compare.

    Attributes:
        larger: the chance that a value of the second is larger than one of the first; ties count half.
        error: its standard error.
    """

    larger: float
    error: float

    @property
    def chance(self) -> float:
        """How likely `larger` or more would be if neither sample were the larger one."""
        return 1 - _NORMAL.cdf(self.deviations)

    @property
    def deviations(self) -> float:
        """How many standard errors `larger` lies above one half."""
        if self.error == 0:
            return math.copysign(math.inf, self.larger - 0.5) if self.larger != 0.5 else 0.0
        return (self.larger - 0.5) / self.error


def compare(first: Sequence[float], second: Sequence[float]) -> Ranks:
    """Compare two samples of at least two values each."""
    one, two = len(first), len(second)
    together = _mid_ranks([*first, *second])
    # A value's rank among both samples less that in its own is how many of the other sample lie below it.
    below_first = [both - own for both, own in zip(together[:one], _mid_ranks(first), strict=True)]
    below_second = [both - own for both, own in zip(together[one:], _mid_ranks(second), strict=True)]
    spread = variance(below_first) / (one * two**2) + variance(below_second) / (two * one**2)
    return Ranks(fmean(below_second) / one, math.sqrt(spread))


def smallest_detectable_ratio(
    baseline: Sequence[float], count: int, *, margin: float, doubt: float, power: float
) -> float:
    """Return how many times the baseline's values another sample must be to be told from `margin` times them.

    What the baseline's own spread allows: the other sample is taken to be spread like it.

    Args:
        count: the size of the other sample.
        margin: what is compared with, such as 1.1 for "more than a tenth larger".
        doubt: the chance at which a comparison counts as telling.
        power: the chance with which it must tell.
    """
    wanted = _NORMAL.inv_cdf(1 - doubt) + _NORMAL.inv_cdf(power)
    allowed = [margin * value for value in baseline]
    smaller = math.sqrt(2 * count / (count + len(baseline)))  # the error goes with the harmonic mean of both sizes

    def telling(ratio: float) -> bool:
        return compare(allowed, [ratio * value for value in baseline]).deviations * smaller >= wanted

    low, high = margin, margin * _LARGEST_RATIO
    if not telling(high):
        return math.inf
    while high / low > 1.001:
        middle = math.sqrt(low * high)
        low, high = (low, middle) if telling(middle) else (middle, high)
    return high


def _mid_ranks(values: Sequence[float]) -> list[float]:
    ranks, passed = [0.0] * len(values), 0
    for _, same in groupby(sorted(range(len(values)), key=values.__getitem__), key=values.__getitem__):
        places = list(same)
        for place in places:
            ranks[place] = passed + (len(places) + 1) / 2
        passed += len(places)
    return ranks
