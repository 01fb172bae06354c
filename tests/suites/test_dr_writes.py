"""What counts as a write that is acknowledged again."""

from types import SimpleNamespace
from typing import Any

import pytest

from seatrial.traffic import Shot
from suites.dr._writes import acknowledged_after


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
