"""Who listens where."""

import pytest

from seatrial import Invalid
from seatrial.platform import Listener, Listeners
from suites.infra._ports import covers_any, is_foreign, parts_at, ports_of

PUBLIC = "127.0.0.1"
OURS = Listener(PUBLIC, 5432, pid=2, part="postgres")
THEIRS = Listener(PUBLIC, 5432, pid=3)


@pytest.mark.parametrize(
    ("before", "now", "expected"),
    [
        ((), (THEIRS,), False),
        ((THEIRS,), (THEIRS,), True),
        ((THEIRS,), (), True),
        ((), (OURS,), False),
        ((THEIRS,), (OURS,), False),
        ((), (), False),
        ((), (Listener("0.0.0.0", 5432, pid=3),), True),  # noqa: S104 - a listing, not a bind
        ((), (Listener("0.0.0.0", 5432),), True),  # noqa: S104 - a listing, not a bind
        ((), (Listener(PUBLIC, 5432),), True),
        ((), (Listener(PUBLIC, 5432), THEIRS), False),
        ((), (Listener(PUBLIC, 5432), OURS), False),
        ((), (Listener("0.0.0.0", 5432, pid=3), THEIRS), False),  # noqa: S104 - a listing, not a bind
        ((), (Listener("::", 5432, pid=2, part="redis"),), False),
        ((), (Listener("127.77.0.10", 5432, pid=3),), False),
    ],
)
def test_a_listener_from_before_or_of_somebody_unseen_or_who_listens_everywhere_is_foreign(
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


@pytest.mark.parametrize(
    ("text", "expected"), [("80", [80]), ("8080, 20-22,21", [20, 21, 22, 8080]), ("65535", [65535])]
)
def test_ports_are_read_from_a_list_of_ranges(text: str, expected: list[int]) -> None:
    assert ports_of(text) == expected


@pytest.mark.parametrize("text", ["", "all", "0-10", "1-65536", "22-20", "1-2-3"])
def test_what_is_no_list_of_ports_is_invalid(text: str) -> None:
    with pytest.raises(Invalid):
        ports_of(text)


def test_a_listener_names_its_part() -> None:
    assert parts_at(Listeners((), (OURS,)), PUBLIC, 5432) == "(postgres)"
    assert parts_at(Listeners((), (THEIRS,)), PUBLIC, 5432) == "(process 3)"
    assert parts_at(None, PUBLIC, 5432) == ""
