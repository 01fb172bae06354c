"""Is the newest of several figures larger than those before it would lead one to expect.

A prediction interval of Student's t for one more value, on logarithms, since what is measured varies by a factor. Source:
G. J. Hahn, W. Q. Meeker, "Statistical Intervals", 1991, section 4.7.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from statistics import fmean, stdev

_STEPS = 400


@dataclass(frozen=True)
class Prediction:
    """What one more value may be.

    Attributes:
        limit: larger than this is one more value with a chance of `doubt` only.
        detectable: how many times the usual a value must be to be found larger than the limit with the chance of `power`.
    """

    limit: float
    detectable: float


def predict(values: Sequence[float], *, doubt: float, power: float) -> Prediction:
    """Return what one more value may be, from at least two earlier ones above zero."""
    if len(values) < 2 or min(values) <= 0:
        raise ValueError(f"nothing can be predicted from {len(values)} values")
    logarithms = [math.log(value) for value in values]
    freedom = len(values) - 1
    spread = stdev(logarithms) * math.sqrt(1 + 1 / len(values))
    far = student_quantile(1 - doubt, freedom)
    limit = math.exp(fmean(logarithms) + far * spread)
    return Prediction(limit, math.exp((far + student_quantile(power, freedom)) * spread))


@cache
def student_quantile(share: float, freedom: int) -> float:
    """Return the quantile of Student's t, for shares of one half and more."""
    if not 0.5 <= share < 1:
        raise ValueError(f"no {share:g} quantile here")
    low, high = 0.0, 1.0
    while _above(high, freedom) > 1 - share:
        high *= 2
    while high - low > 1e-9 * high:
        middle = (low + high) / 2
        low, high = (middle, high) if _above(middle, freedom) > 1 - share else (low, middle)
    return high


def _above(value: float, freedom: int) -> float:
    """Return the chance of more than this, by Simpson's rule over the angle whose tangent is t / sqrt(freedom)."""
    scale = math.exp(math.lgamma((freedom + 1) / 2) - math.lgamma(freedom / 2)) / math.sqrt(math.pi)
    start, end = math.atan(value / math.sqrt(freedom)), math.pi / 2
    width = (end - start) / _STEPS
    heights = [math.cos(start + step * width) ** (freedom - 1) for step in range(_STEPS + 1)]
    return scale * width / 3 * (heights[0] + heights[-1] + 4 * sum(heights[1:-1:2]) + 2 * sum(heights[2:-1:2]))
