"""A gap in time is told from noise, and what cannot be told is not concluded."""

import random
from collections.abc import Callable

import pytest

from seatrial import Invalid
from suites.security.timing import gap_of, measured_gap


def clock(seed: int, base_s: float, noise_s: float) -> Callable[[], float]:
    source = random.Random(seed)  # noqa: S311 - noise, and no secret
    return lambda: base_s + source.expovariate(1 / noise_s)


@pytest.mark.parametrize("seed", range(20))
def test_equal_kinds_are_within_and_a_slow_kind_is_beyond(seed: int) -> None:
    equal = measured_gap(clock(seed, 0.002, 0.0003), clock(seed + 100, 0.002, 0.0003), 0.001)
    slower = measured_gap(clock(seed, 0.002, 0.0003), clock(seed + 100, 0.005, 0.0003), 0.001)

    assert equal.within(0.001)
    assert slower.beyond(0.001)
    assert not slower.within(0.001)


def test_a_faster_kind_is_a_gap_too() -> None:
    assert measured_gap(clock(1, 0.005, 0.0003), clock(2, 0.002, 0.0003), 0.001).beyond(0.001)


def test_noise_larger_than_the_effect_is_invalid() -> None:
    with pytest.raises(Invalid, match="too much noise"):
        measured_gap(clock(1, 0.0, 1.0), clock(2, 0.0, 1.0), 0.0001)


def test_one_outlier_moves_nothing() -> None:
    assert gap_of([0.0001] * 50 + [9.0]).within(0.001)
