"""Two samples by their ranks, against the published example and by what must hold for all."""

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.statistics import compare, smallest_detectable_ratio
from tests.statistics import PATIENT

VALUES = st.lists(st.integers(0, 1000).map(float), min_size=2, max_size=60)


def test_the_example_of_brunner_and_munzel() -> None:
    # Pain scores after two treatments: their estimate is 0.788961, their statistic 3.1375.
    first = [1.0, 2, 1, 1, 1, 1, 1, 1, 1, 1, 2, 4, 1, 1]
    second = [3.0, 3, 4, 3, 1, 2, 3, 1, 1, 5, 4]
    ranks = compare(first, second)

    assert ranks.larger == pytest.approx(0.788961, abs=1e-6)
    assert ranks.deviations == pytest.approx(3.1375, abs=1e-4)


@PATIENT
@given(VALUES, VALUES)
def test_it_counts_the_pairs(first: list[float], second: list[float]) -> None:
    pairs = [(two > one) + (two == one) / 2 for one in first for two in second]

    assert compare(first, second).larger == pytest.approx(sum(pairs) / len(pairs))


@PATIENT
@given(VALUES, VALUES)
def test_the_other_way_round_it_is_the_rest(first: list[float], second: list[float]) -> None:
    one, other = compare(first, second), compare(second, first)

    assert one.larger == pytest.approx(1 - other.larger)
    assert one.error == pytest.approx(other.error)


@PATIENT
@given(VALUES, VALUES)
def test_a_scale_that_keeps_the_order_changes_nothing(first: list[float], second: list[float]) -> None:
    stretched = compare([math.exp(each / 200) for each in first], [math.exp(each / 200) for each in second])

    assert stretched.larger == pytest.approx(compare(first, second).larger)


def test_samples_apart_and_samples_alike() -> None:
    assert compare([1.0, 2], [3.0, 4]).deviations == math.inf
    assert compare([3.0, 4], [1.0, 2]).chance == 1
    assert compare([1.0, 1], [1.0, 1]).deviations == 0


def test_equal_samples_are_called_larger_as_seldom_as_the_doubt_says() -> None:
    source = random.Random(11)  # noqa: S311 - noise, and no secret
    samples = [[source.lognormvariate(0, 1) for _ in range(80)] for _ in range(800)]
    called = sum(compare(one, two).chance < 0.05 for one, two in zip(samples[::2], samples[1::2], strict=True))

    assert 6 <= called <= 36  # 20 of 400, and four standard deviations of a binomial either way


def test_what_is_said_to_be_detectable_is_detected_as_often_as_promised() -> None:
    source = random.Random(13)  # noqa: S311 - noise, and no secret
    seen = 0
    for _ in range(200):
        baseline = [source.lognormvariate(0, 0.5) for _ in range(150)]
        ratio = smallest_detectable_ratio(baseline, 150, margin=1.1, doubt=0.01, power=0.9)
        other = [ratio * source.lognormvariate(0, 0.5) for _ in range(150)]
        seen += compare([1.1 * each for each in baseline], other).chance < 0.01

    assert 165 <= seen <= 195


def test_more_requests_see_smaller_regressions_and_none_sees_below_the_margin() -> None:
    source = random.Random(17)  # noqa: S311 - noise, and no secret
    baseline = [source.lognormvariate(0, 0.5) for _ in range(1000)]
    few, many = (
        smallest_detectable_ratio(baseline[:count], count, margin=1.1, doubt=0.001, power=0.9) for count in (100, 1000)
    )

    assert 1.1 < many < few < 2


def test_a_baseline_without_spread_above_zero_shows_nothing() -> None:
    assert smallest_detectable_ratio([0.0] * 50, 50, margin=1.1, doubt=0.01, power=0.9) == math.inf
