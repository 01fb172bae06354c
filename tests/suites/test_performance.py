"""What cannot be told from a busy machine or from chance is measured anew, and what can be told is not."""

import pytest

from suites.deploy._budgets import Budget, Sample, weigh
from suites.deploy.test_performance import WINDOWS, Window, until_clear

BUDGET = Budget("list", (100, 250, 1000), 0.001)
BUSY = "the control took 131 ms at the 95th percentile (25 ms)"


def window(*slow_ms: float, noise: str = "") -> Window:
    sample = Sample("list", [*([20.0] * (120 - len(slow_ms))), *slow_ms], 0)
    return Window([], {"list": sample}, Sample("control", [5.0], 0), {"list": weigh(sample, BUDGET)}, noise)


QUICK, BY_CHANCE, SLOW = window(), window(1500, 1500), window(*[300.0] * 80)
BLURRED = window(*[300.0] * 80, noise=BUSY)


@pytest.mark.parametrize(
    ("coming", "measured"),
    [
        ([QUICK], 1),
        ([window(noise=BUSY)], 1),
        ([SLOW], 1),
        ([BLURRED, QUICK], 2),
        ([BLURRED, BY_CHANCE, SLOW], 3),
        ([BLURRED] * WINDOWS, WINDOWS),
    ],
    ids=["quick", "quick, and busy", "slow", "busy once", "slow in the end", "busy throughout"],
)
def test_only_what_cannot_be_told_is_measured_anew(coming: list[Window], measured: int) -> None:
    left = iter(coming)
    windows = until_clear(lambda: next(left))

    assert windows == coming[:measured]


def test_a_blur_names_what_is_over_and_why_nobody_is_blamed() -> None:
    assert BLURRED.blur.startswith(f"over budget, but {BUSY}: list: p50 300 ms")
    assert BY_CHANCE.blur == "over budget, but this may be chance: p99 of list 1500 ms, budget 1000 ms"
    assert (QUICK.blur, SLOW.blur) == ("", "")
