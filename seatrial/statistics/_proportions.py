"""Shares of failures: where the true one lies, whether one is larger than another, and what could have been seen."""

import math
from collections.abc import Callable
from statistics import NormalDist

from seatrial.statistics._quantiles import Bounds, binomial_tail, log_choose

_HALVINGS = 40


def proportion_bounds(found: int, of: int, confidence: float) -> Bounds:
    """Return where the true share lies; exact, and rather too wide than too narrow.

    Source: C. J. Clopper, E. S. Pearson, "The use of confidence or fiducial limits", Biometrika 26 (1934).
    """
    doubt = (1 - confidence) / 2
    low = _least(lambda share: binomial_tail(of, found, share) >= doubt) if found else 0.0
    high = _least(lambda share: 1 - binomial_tail(of, found + 1, share) <= doubt) if found < of else 1.0
    return Bounds(low, high)


def wilson_bounds(found: int, of: int, confidence: float) -> Bounds:
    """Return where the true share lies, about right on average where `proportion_bounds` is too wide; all of it for none.

    Source: E. B. Wilson, "Probable inference, the law of succession, and statistical inference", Journal of the American
    Statistical Association 22 (1927).
    """
    if not of:
        return Bounds(0.0, 1.0)
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    middle = (found + z * z / 2) / (of + z * z)
    half = z * math.sqrt(found * (of - found) / of + z * z / 4) / (of + z * z)
    return Bounds(max(0.0, middle - half), min(1.0, middle + half))


def chance_of_more(found: int, of: int, baseline_found: int, baseline_of: int) -> float:
    """Return how likely at least `found` would be if both had the same share: Fisher's exact test, one-sided.

    Source: R. A. Fisher, "The logic of inductive inference", Journal of the Royal Statistical Society 98 (1935).
    """
    both, everything = found + baseline_found, of + baseline_of
    ways = log_choose(everything, both)
    return min(
        1.0,
        math.fsum(
            math.exp(log_choose(of, k) + log_choose(baseline_of, both - k) - ways)
            for k in range(found, min(of, both) + 1)
            if both - k <= baseline_of
        ),
    )


def smallest_detectable_share(of: int, baseline_found: int, baseline_of: int, doubt: float, power: float) -> float:
    """Return the smallest true share among `of` that `chance_of_more` tells from the baseline's with that power.

    1 when not even failures without exception could be told.
    """
    telling = next(
        (found for found in range(of + 1) if chance_of_more(found, of, baseline_found, baseline_of) < doubt), None
    )
    return 1.0 if telling is None else _least(lambda share: binomial_tail(of, telling, share) >= power)


def _least(enough: Callable[[float], bool]) -> float:
    """Return the least share that is enough, by halving; every larger share must be enough too."""
    low, high = 0.0, 1.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high
