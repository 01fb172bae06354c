import math
import random

import pytest

from seatrial.statistics import predict, student_quantile


@pytest.mark.parametrize(
    ("share", "freedom", "table"),
    [(0.95, 1, 6.314), (0.95, 4, 2.132), (0.99, 9, 2.821), (0.999, 19, 3.579), (0.975, 120, 1.980), (0.5, 7, 0.0)],
)
def test_quantiles_are_those_of_the_tables(share: float, freedom: int, table: float) -> None:
    assert student_quantile(share, freedom) == pytest.approx(table, abs=0.0006)


def test_one_more_value_is_beyond_the_limit_as_rarely_as_was_said() -> None:
    chance = random.Random(11)  # noqa: S311 - the same samples each time
    beyond = grown = 0
    for _ in range(2000):
        *values, newest = (math.exp(chance.gauss(3, 0.1)) for _ in range(9))
        seen = predict(values, doubt=0.05, power=0.8)
        beyond += newest > seen.limit
        grown += newest * seen.detectable > seen.limit
    assert 0.035 < beyond / 2000 < 0.065
    assert 0.75 < grown / 2000 < 0.9


def test_values_that_never_differ_leave_no_room() -> None:
    seen = predict([20.0, 20.0, 20.0], doubt=0.01, power=0.8)
    assert seen.limit == pytest.approx(20.0)
    assert seen.detectable == pytest.approx(1.0)


@pytest.mark.parametrize("values", [[], [3.0], [3.0, 0.0]])
def test_too_few_values_predict_nothing(values: list[float]) -> None:
    with pytest.raises(ValueError, match="nothing can be predicted"):
        predict(values, doubt=0.01, power=0.8)


def test_small_shares_are_not_answered() -> None:
    with pytest.raises(ValueError, match=r"no 0\.1 quantile"):
        student_quantile(0.1, 5)
