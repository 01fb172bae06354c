"""What the lock clock makes of its samples, and what it fills tables with."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from seatrial import Invalid
from seatrial.traffic import Shot
from suites.migrations import _lock_clock as lock_clock
from suites.migrations import _volume as volume
from suites.migrations._lock_clock import Answer, Reading
from suites.migrations._waits import Sample, gap_s, holds, waits

NOON = datetime(2026, 12, 1, 12, tzinfo=UTC)
QUIET = Reading(
    recorded=True,
    modes={},
    held_s={},
    scanned={},
    stall_s=0.1,
    blocked=2,
    errors=[],
    queries=100,
    idle_s=0.1,
    late=0.0,
    gap_s=0.05,
)
MIGRATOR, OTHER, THIRD = 1, 2, 3


def lock(
    pid: int, mode: str, *, granted: bool = True, at_s: float = 0.0, waits_for: tuple[int, ...] = ()
) -> dict[str, Any]:
    return {
        "at": NOON + timedelta(seconds=at_s),
        "pid": pid,
        "migrates": pid == MIGRATOR,
        "name": "t",
        "mode": mode,
        "granted": granted,
        "waitstart": None if granted else NOON,
        "waits_for": list(waits_for),
    }


def test_a_lock_is_held_from_its_first_sample_to_its_last_in_a_row() -> None:
    held, free = [lock(MIGRATOR, "ShareLock")], [lock(OTHER, "ShareLock")]
    samples = [Sample(at, rows) for at, rows in ((0.0, held), (0.5, held), (1.0, free), (2.0, held), (2.1, held))]
    assert holds(samples) == {("t", "ShareLock"): 0.5}


def test_a_lock_that_the_migrator_waits_for_is_not_held() -> None:
    assert holds([Sample(0.0, [lock(MIGRATOR, "ShareLock", granted=False)])]) == {}


def test_who_waits_for_one_that_waits_for_the_migrator_waits_for_it_too() -> None:
    rows = [
        lock(MIGRATOR, "AccessExclusiveLock"),
        lock(OTHER, "AccessShareLock", granted=False, at_s=0.3, waits_for=(MIGRATOR,)),
        lock(THIRD, "AccessShareLock", granted=False, at_s=0.3, waits_for=(OTHER,)),
    ]
    assert waits([Sample(0.0, rows)]) == {(OTHER, NOON): 0.3, (THIRD, NOON): 0.3}


def test_who_waits_for_somebody_else_does_not_count() -> None:
    rows = [lock(MIGRATOR, "ShareLock"), lock(OTHER, "ShareLock", granted=False, waits_for=(THIRD,))]
    assert waits([Sample(0.0, rows)]) == {}


def test_the_longest_gap_between_samples_is_seen_and_no_sample_at_all_is_the_longest() -> None:
    assert gap_s([Sample(0.0, []), Sample(0.1, []), Sample(0.5, [])]) == 0.4
    assert gap_s([]) == float("inf")


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({}, ""),
        ({"held_s": {("t", "ShareLock"): 0.9}}, "ShareLock on t for 0.90 s"),
        ({"held_s": {("t", "ShareLock"): 0.4}}, ""),
        (
            {"scanned": {"t": 5000}, "modes": {"t": ["ShareLock"]}},
            "5000 rows of t read in a revision that takes ShareLock",
        ),
        ({"scanned": {"t": 5000}, "modes": {"t": ["ShareUpdateExclusiveLock"]}}, ""),
        ({"stall_s": 0.8}, "a query waited 0.80 s"),
        ({"blocked": 61}, "queries waited 61 times"),
        ({"errors": ["no such table"]}, "a query failed: no such table"),
    ],
)
def test_what_is_over_the_budget_is_found(changed: dict[str, Any], said: str) -> None:
    found = "; ".join(lock_clock.findings(Reading(**{**vars(QUIET), **changed}), stall_s=0.75, blocked=60))
    assert said in found
    assert bool(said) == bool(found)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"stall_s": 0.8}, ""),
        ({"stall_s": 0.9}, "a query waited 0.90 s"),
        ({"stall_s": 1.2, "idle_s": 0.5}, ""),
        ({"stall_s": 1.2, "gap_s": 0.5}, ""),
        ({"stall_s": 1.3, "idle_s": 0.5}, "a query waited 1.30 s"),
        ({"held_s": {("t", "ShareLock"): 1.2}, "idle_s": 0.5}, ""),
        ({"blocked": 64}, ""),
        ({"blocked": 65}, "queries waited 65 times"),
        ({"scanned": {"t": 5000}, "modes": {"t": ["ShareLock"]}, "idle_s": 5.0}, "5000 rows of t read"),
    ],
)
def test_what_a_busy_machine_explains_is_not_certain(changed: dict[str, Any], said: str) -> None:
    found = lock_clock.certain(Reading(**{**vars(QUIET), **changed}), stall_s=0.75, blocked=60, per_s=40.0)
    assert said in "; ".join(found)
    assert bool(said) == bool(found)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({}, ""),
        ({"recorded": False}, "recorded"),
        ({"queries": 39}, "only 39"),
        ({"late": 0.06}, "began late"),
        ({"gap_s": 0.8}, "too busy"),
        ({"stall_s": 0.8, "idle_s": 0.3}, "a query waited 0.80 s for the migration, but the machine alone"),
        ({"blocked": 61}, "queries waited 61 times"),
    ],
)
def test_a_reading_that_says_nothing_is_doubted(changed: dict[str, Any], said: str) -> None:
    doubt = lock_clock.doubt(Reading(**{**vars(QUIET), **changed}), stall_s=0.75, blocked=60, queries=40)
    assert said in doubt
    assert bool(said) == bool(doubt)


def test_impatience_is_no_error_and_no_answer() -> None:
    shots = [
        Shot(0.0, 0.0, 1.5, Answer(OTHER, "canceling statement due to statement timeout")),
        Shot(0.0, 0.0, 0.1, Answer(THIRD, 'column "plan" does not exist')),
        Shot(0.0, 0.0, 0.1, Answer(THIRD, "")),
    ]
    seen = lock_clock.reading([], shots, [], {})
    assert (seen.errors, seen.queries, seen.idle_s) == (['column "plan" does not exist'], 1, 1.5)


def test_tables_are_filled_by_the_revision_that_makes_them() -> None:
    counts = volume.counts(["accounts 7", "assets 9"])
    assert counts == {"accounts": 7, "assets": 9}
    statements = volume.filling(counts, "20261102090100")
    assert "set trial.assets = 9;" in statements
    assert "insert into assets" in statements
    assert "insert into accounts" not in statements
    assert volume.filling(counts, "20990101000000") == ""
    assert "insert into accounts" in volume.filling(counts)


def test_a_count_that_cannot_be_read_is_refused() -> None:
    with pytest.raises(Invalid, match="'assets many'"):
        volume.counts(["assets many"])
