"""Shares of failures, against published figures and by what must hold for all counts."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.statistics import Bounds, chance_of_more, proportion_bounds, smallest_detectable_share, wilson_bounds
from tests.statistics import PATIENT


# Clopper and Pearson's intervals as statistical tables print them: none, one and five of ten, and the "rule of three".
@pytest.mark.parametrize(
    ("found", "of", "low", "high"),
    [(0, 10, 0, 0.3085), (1, 10, 0.0025, 0.4450), (5, 10, 0.1871, 0.8129), (10, 10, 0.6915, 1), (0, 300, 0, 0.0122)],
)
def test_bounds_are_the_tables(found: int, of: int, low: float, high: float) -> None:
    bounds = proportion_bounds(found, of, 0.95)

    assert bounds.low == pytest.approx(low, abs=1e-4)
    assert bounds.high == pytest.approx(high, abs=1e-4)


@PATIENT
@given(st.integers(1, 200), st.data())
def test_bounds_surround_what_was_found(of: int, data: st.DataObject) -> None:
    found = data.draw(st.integers(0, of))
    bounds = proportion_bounds(found, of, 0.99)

    assert 0 <= bounds.low <= found / of <= bounds.high <= 1


# Fisher's own example, the lady tasting tea: all four right has one chance in seventy, three of four 17 in 70.
def test_fishers_lady() -> None:
    assert chance_of_more(4, 4, 0, 4) == pytest.approx(1 / 70)
    assert chance_of_more(3, 4, 1, 4) == pytest.approx(17 / 70)


@PATIENT
@given(st.integers(1, 60), st.integers(1, 60), st.data())
def test_more_failures_are_less_likely_by_chance(of: int, baseline_of: int, data: st.DataObject) -> None:
    baseline = data.draw(st.integers(0, baseline_of))
    chances = [chance_of_more(found, of, baseline, baseline_of) for found in range(of + 1)]

    assert chances[0] == pytest.approx(1)
    assert all(0 < later <= earlier + 1e-9 for earlier, later in pairwise(chances))


def test_the_smallest_share_that_is_seen_shrinks_with_the_sample() -> None:
    few, many = (smallest_detectable_share(of, 0, of, 0.001, 0.9) for of in (100, 1000))

    assert few == pytest.approx(0.137, abs=0.005)
    assert many == pytest.approx(0.0142, abs=0.0005)


def test_a_sample_that_could_never_tell_sees_nothing() -> None:
    assert smallest_detectable_share(3, 0, 3, 0.001, 0.9) == 1


# None of ten leaves z² / (10 + z²) open, with z = 1.95996; all of ten the same on the other side; half of ten lies in the middle.
@pytest.mark.parametrize(("found", "low", "high"), [(0, 0.0, 0.2775), (5, 0.2366, 0.7634), (10, 0.7225, 1.0)])
def test_wilsons_bounds(found: int, low: float, high: float) -> None:
    bounds = wilson_bounds(found, 10, 0.95)

    assert bounds.low == pytest.approx(low, abs=5e-5)
    assert bounds.high == pytest.approx(high, abs=5e-5)


def test_nothing_tried_bounds_nothing() -> None:
    assert wilson_bounds(0, 0, 0.95) == Bounds(0.0, 1.0)
