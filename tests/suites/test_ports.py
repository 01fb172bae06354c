"""Who listens where."""

import pytest

from seatrial.platform import Listener, Listeners
from suites.infra._ports import covers_any, is_foreign

PUBLIC = "127.0.0.1"
OURS = Listener(PUBLIC, 5432, pid=2, part="postgres")
THEIRS = Listener(PUBLIC, 5432, pid=3)


@pytest.mark.parametrize(
    ("before", "now", "expected"),
    [
        ((), (THEIRS,), True),
        ((THEIRS,), (), True),
        ((), (OURS,), False),
        ((THEIRS,), (OURS,), False),
        ((), (), False),
        ((), (Listener("0.0.0.0", 5432, pid=3),), True),  # noqa: S104 - a listing, not a bind
        ((), (Listener("::", 5432, pid=2, part="redis"),), False),
        ((), (Listener("127.77.0.10", 5432, pid=3),), False),
    ],
)
def test_only_a_listener_of_nobody_of_ours_is_foreign(
    before: tuple[Listener, ...], now: tuple[Listener, ...], expected: bool
) -> None:
    assert is_foreign(Listeners(before, now), PUBLIC, 5432) is expected


@pytest.mark.parametrize(
    ("listener", "expected"),
    [
        (Listener(PUBLIC, 80), True),
        (Listener("0.0.0.0", 80), True),  # noqa: S104 - a listing, not a bind
        (Listener("127.77.0.1", 80), False),
        (Listener(PUBLIC, 81), False),
    ],
)
def test_a_wildcard_covers_every_address(listener: Listener, expected: bool) -> None:
    assert covers_any([listener], PUBLIC, 80) is expected
