"""Quantiles and where the true ones lie, by order statistics: exact for every continuous distribution.

Source: W. J. Conover, "Practical Nonparametric Statistics", 3rd edition, 1999, section 3.2.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate


@dataclass(frozen=True)
class Bounds:
    """Where the true value lies with the stated confidence; infinite where the sample is too small to say."""

    low: float
    high: float


def quantile(values: Sequence[float], share: float) -> float:
    """Return the smallest value that at least this share of the sample does not exceed (nearest rank).

    Raises ValueError for an empty sample, of which nothing can be said.
    """
    if not values or not 0 < share <= 1:
        raise ValueError(f"no {share:g} quantile of {len(values)} values")
    return sorted(values)[_rank(len(values), share) - 1]


def quantile_bounds(values: Sequence[float], share: float, confidence: float) -> Bounds:
    """Return the order statistics between which the true quantile lies, with equal doubt on either side.

    The k-th smallest of n values lies at or below the true quantile when at least k of them do: a binomial tail.
    """
    ordered, count, doubt = sorted(values), len(values), (1 - confidence) / 2
    at_least = [*accumulate(_binomial(count, k, share) for k in range(count, -1, -1))][::-1]
    low = max((rank for rank in range(1, count + 1) if at_least[rank] >= 1 - doubt), default=0)
    high = min(rank for rank in range(1, count + 2) if rank > count or at_least[rank] <= doubt)
    return Bounds(ordered[low - 1] if low else -math.inf, ordered[high - 1] if high <= count else math.inf)


def binomial_tail(trials: int, at_least: int, share: float) -> float:
    """Return the chance of `at_least` successes or more, each of `trials` succeeding with chance `share`."""
    if at_least <= 0:
        return 1.0
    return min(1.0, math.fsum(_binomial(trials, k, share) for k in range(at_least, trials + 1)))


def _binomial(trials: int, successes: int, share: float) -> float:
    if share <= 0 or share >= 1:
        return float(successes == (trials if share >= 1 else 0))
    odds = successes * math.log(share) + (trials - successes) * math.log1p(-share)
    return math.exp(log_choose(trials, successes) + odds)


def log_choose(total: int, chosen: int) -> float:
    """Return the logarithm of the number of ways to choose."""
    return math.lgamma(total + 1) - math.lgamma(chosen + 1) - math.lgamma(total - chosen + 1)


def _rank(count: int, share: float) -> int:
    # 0.95 * 20 is 19.000000000000004 in floating point, and would be rank 20.
    return max(1, math.ceil(count * share - 1e-9))
