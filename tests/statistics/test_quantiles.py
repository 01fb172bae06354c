"""Quantiles and their bounds, against published tables and by what must hold for every sample."""

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.statistics import binomial_tail, quantile, quantile_bounds
from tests.statistics import PATIENT

SAMPLES = st.lists(st.floats(0, 1e6), min_size=1, max_size=200)
SHARES = st.floats(0.01, 1)


@PATIENT
@given(SAMPLES, SHARES)
def test_a_quantile_is_the_smallest_value_that_enough_do_not_exceed(values: list[float], share: float) -> None:
    found = quantile(values, share)

    assert found in values
    assert sum(each <= found for each in values) >= share * len(values) - 1e-6
    assert sum(each < found for each in values) < share * len(values)


@pytest.mark.parametrize(("share", "wanted"), [(0.5, 10), (0.95, 19), (0.99, 20), (1, 20)])
def test_the_nearest_rank_is_not_pushed_up_by_floating_point(share: float, wanted: int) -> None:
    assert quantile([float(each) for each in range(1, 21)], share) == wanted


@pytest.mark.parametrize(("values", "share"), [([], 0.5), ([1.0], 0), ([1.0], 1.1)])
def test_of_nothing_nothing_is_said(values: list[float], share: float) -> None:
    with pytest.raises(ValueError, match="quantile"):
        quantile(values, share)


# Conover 1999, table A3 and section 3.2: ranks for the median with 95 % at least.
@pytest.mark.parametrize(("count", "low", "high"), [(6, 1, 6), (10, 2, 9), (15, 4, 12), (20, 6, 15), (25, 8, 18)])
def test_the_bounds_of_a_median_are_the_tables_ranks(count: int, low: int, high: int) -> None:
    bounds = quantile_bounds([float(each) for each in range(1, count + 1)], 0.5, 0.95)

    assert (bounds.low, bounds.high) == (low, high)


def test_a_sample_too_small_for_a_tail_has_no_upper_bound() -> None:
    # 368 values are the fewest whose largest bounds the 99th percentile with 97.5 %: 0.99 ** 368 < 0.025.
    assert quantile_bounds([1.0] * 366, 0.99, 0.95).high == math.inf
    assert quantile_bounds([1.0] * 368, 0.99, 0.95).high == 1.0
    assert quantile_bounds([1.0], 0.5, 0.95).low == -math.inf


@PATIENT
@given(SAMPLES, st.floats(0.05, 0.95), st.floats(0.5, 0.999))
def test_bounds_surround_the_quantile_and_widen_with_confidence(values: list[float], share: float, sure: float) -> None:
    bounds, wider = quantile_bounds(values, share, sure), quantile_bounds(values, share, 1 - (1 - sure) / 10)

    assert bounds.low <= quantile(values, share) <= bounds.high
    assert wider.low <= bounds.low
    assert bounds.high <= wider.high


def test_the_true_quantile_lies_between_as_often_as_stated() -> None:
    source = random.Random(7)  # noqa: S311 - noise, and no secret
    true = -math.log(0.05)  # the 95th percentile of an exponential of mean 1
    held = 0
    for _ in range(400):
        bounds = quantile_bounds([source.expovariate(1) for _ in range(200)], 0.95, 0.9)
        held += bounds.low <= true <= bounds.high

    assert binomial_tail(400, held, 0.9) < 0.999
    assert held >= 350


@pytest.mark.parametrize(
    ("trials", "at_least", "share", "wanted"),
    [(10, 5, 0.5, 0.6230), (20, 3, 0.05, 0.0755), (15, 0, 0.3, 1), (3, 4, 0.9, 0), (5, 5, 1, 1), (5, 1, 0, 0)],
)
def test_a_binomial_tail_is_the_tables(trials: int, at_least: int, share: float, wanted: float) -> None:
    assert binomial_tail(trials, at_least, share) == pytest.approx(wanted, abs=5e-5)
