"""What samples of latencies and errors allow to be said, without a word on how they are distributed."""

from seatrial.statistics._canary import Arm, Judgement, Rules, judge
from seatrial.statistics._prediction import Prediction, predict, student_quantile
from seatrial.statistics._proportions import chance_of_more, proportion_bounds, smallest_detectable_share, wilson_bounds
from seatrial.statistics._quantiles import Bounds, binomial_tail, quantile, quantile_bounds
from seatrial.statistics._ranks import Ranks, compare, smallest_detectable_ratio

__all__ = [
    "Arm",
    "Bounds",
    "Judgement",
    "Prediction",
    "Ranks",
    "Rules",
    "binomial_tail",
    "chance_of_more",
    "compare",
    "judge",
    "predict",
    "proportion_bounds",
    "quantile",
    "quantile_bounds",
    "smallest_detectable_ratio",
    "smallest_detectable_share",
    "student_quantile",
    "wilson_bounds",
]
