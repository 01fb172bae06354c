"""What counts as a write that is acknowledged again, and which outage of writes is short enough."""

from types import SimpleNamespace
from typing import Any

import pytest

from seatrial import Failure
from seatrial.drills import outage
from seatrial.traffic import Shot
from suites.dr._writes import acknowledged_after
from suites.dr.test_postgres import _require_over


@pytest.mark.parametrize(
    ("shots", "again"),
    [
        ([], False),
        ([Shot(9.9, 9.9, 12.0, answer=True)], False),  # fell due before: the old server may have taken it
        ([Shot(10.1, 10.1, 12.0, answer=False)], False),
        ([Shot(10.1, 10.1, 12.0, answer=False), Shot(10.3, 10.3, 12.0, answer=True)], True),
    ],
)
def test_only_a_write_that_fell_due_after_the_strike_counts(shots: list[Shot[bool]], again: bool) -> None:
    traffic: Any = SimpleNamespace(shots=shots)
    assert acknowledged_after(traffic, 10.0) is again


def writes(*failed_s: int) -> list[Shot[bool]]:
    """A write each second, of which those fail, each after half a second."""
    return [Shot(due_s, due_s, due_s + 0.5, answer=due_s not in failed_s) for due_s in range(30)]


@pytest.mark.parametrize("failed_s", [(), (11,), (10, 14)])
def test_writes_may_fail_for_as_long_as_the_target_allows(failed_s: tuple[int, ...]) -> None:
    _require_over(outage(writes(*failed_s), bool, 10.0), 6.0)


@pytest.mark.parametrize("failed_s", [(16,), (11, 20), (29,)])
def test_a_write_that_fails_later_is_one_too_many(failed_s: tuple[int, ...]) -> None:
    with pytest.raises(Failure, match="writes again within 6 s for good"):
        _require_over(outage(writes(*failed_s), bool, 10.0), 6.0)
