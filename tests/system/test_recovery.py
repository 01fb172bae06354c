import datetime as dt

import pytest

from system.recovery import read_moment
from system.recovery.objects import _at, _Entry

NOON = dt.datetime(2026, 1, 31, 12, 0, 0, tzinfo=dt.UTC)
SECOND = dt.timedelta(seconds=1)


def entry(name: str, after_s: float, *, there: bool = True, latest: bool = False) -> _Entry:
    return _Entry(name, NOON + after_s * SECOND, latest, name if there else None)


@pytest.mark.parametrize(
    ("after_s", "name"), [(-1, None), (0, "first"), (1, "first"), (2, "second"), (3, "gone"), (9, "back")]
)
def test_what_was_there_at_a_moment_is_the_newest_of_before(after_s: float, name: str | None) -> None:
    history = [
        entry("back", 5, latest=True),
        entry("gone", 3, there=False),
        entry("second", 2),
        entry("first", 0),
    ]
    found = _at(history, NOON + after_s * SECOND)
    assert (found.version_id if found else None) == name


def test_what_was_written_within_the_second_of_the_moment_counts_as_there() -> None:
    assert _at([entry("late", 0.9)], NOON) is not None


def test_of_a_version_and_a_marker_of_one_second_the_version_counts() -> None:
    history = [entry("gone", 0.6, there=False, latest=True), entry("first", 0.2)]
    found = _at(history, NOON)
    assert found is not None
    assert found.version_id == "first"


@pytest.mark.parametrize("text", ["2026-01-31T13:04:00+00:00", "2026-01-31 13:04:00.5+01:00", "2026-01-31T13:04:00Z"])
def test_a_moment_is_read_with_its_distance_from_utc(text: str) -> None:
    assert read_moment(text).tzinfo is not None


@pytest.mark.parametrize("text", ["2026-01-31T13:04:00", "yesterday", ""])
def test_anything_else_is_no_moment(text: str) -> None:
    with pytest.raises(ValueError, match="expected a moment such as"):
        read_moment(text)
