"""What each revision locks, on tables as large as real ones and under traffic."""

from collections.abc import Mapping
from typing import Any

from seatrial import BLOCKER, Exercise, Invalid, check, require
from suites.migrations import _lock_clock as lock_clock
from suites.migrations import _rows as rows
from suites.migrations import _schema as schema
from suites.migrations import _volume as volume
from suites.migrations._scratch import ScratchServer, revisions

QUERIES = 25
PER_S = 40.0
COUNTS = "select c.relname as name, c.reltuples::bigint as rows from pg_class c where c.relname = any(%s)"


@check("MIG-05", severity=BLOCKER, component="migrations", alone=True)
def test_no_revision_keeps_innocent_queries_waiting(exercise: Exercise) -> None:
    """No revision keeps reads and writes of single rows waiting for longer than the budget, on filled tables.

    Why it matters: ALTER TABLE on a table of a day's rows takes a millisecond in every test, and stops the product for as
    long as it reads a year's; and while it waits for its lock behind one slow report, everybody else waits behind it.

    How it is measured: a scratch server goes up revision by revision; the tables that a revision makes are filled with as
    many rows as targets.migration_rows says. From the second revision on, 40 queries a second fall due, whatever became of
    those before, and 50 or more: each reads or writes one row, of a table at random, by its key, and gives up after 1.5 s. A report
    that has read every table is open when the migrator comes, and for two seconds then. Every 20 ms pg_locks is read: the
    migrator's locks, and who waits for it, or behind it. Where the revision is recorded, a trigger notes what its
    transaction has locked, and how many rows it has read of which table. No query may wait for longer than
    targets.migration_stall_s, no lock that stops reads or writes may be held for longer, no more than
    targets.migration_blocked queries may wait at all, none may fail, and no filled table may be read by a transaction that
    has locked it so. A machine that is busy itself stretches every time: what is over a budget by no more than it kept queries
    without a lock in their way, or samples, waiting meanwhile is INVALID, as it is where traffic or samples were too late, or
    fewer than 25 queries were answered.

    Not covered: larger tables than these, ways down, queries that lock more than a row, the load that a long statement is.
    """
    versions = list(revisions(exercise.tree))
    if len(versions) < 2:
        raise Invalid("before the first revision there is no table: with no second one there is nothing to measure")
    counts = volume.counts(exercise.target("migration_rows"))
    stall_s, blocked = float(exercise.target("migration_stall_s")), int(exercise.target("migration_blocked"))
    server = ScratchServer(exercise)
    left = {
        table.removeprefix("public."): list(parts.get("columns", {}))
        for table, parts in schema.committed()["relations"].items()
    }
    server.up(1)
    _fill(server, versions[0], counts)
    table: dict[str, Any] = {}
    with (
        lock_clock.LockClock(server, PER_S, queries=2 * QUERIES) as clock,
        exercise.cases(at_least=len(versions) - 1) as cases,
    ):
        for version in versions[1:]:
            columns = {name: left.get(name, []) for name in _tables(server)}
            moved: list[str] = []
            seen = clock.read(lambda moved=moved: moved.extend(server.up(1)), version, columns)  # type: ignore[misc]
            table[version] = _line(seen)
            exercise.evidence("revisions", table)
            require(moved == [version], f"exactly {version} applied by one step", ", ".join(moved) or "nothing")
            wrong = lock_clock.certain(seen, stall_s=stall_s, blocked=blocked, per_s=PER_S)
            if not wrong and (doubt := lock_clock.doubt(seen, stall_s=stall_s, blocked=blocked, queries=QUERIES)):
                raise Invalid(f"{version}: {doubt}")
            with cases(version):
                budget = f"no query to wait for {version} over {stall_s:g} s, nor more than {blocked} to wait at all"
                require(not wrong, budget, "; ".join(wrong))
            _fill(server, version, counts)


def _tables(server: ScratchServer) -> list[str]:
    return [name.removeprefix("public.") for name in rows.tables(server.rows)]


def _fill(server: ScratchServer, version: str, counts: Mapping[str, int]) -> None:
    """Fill what the revision made; raises Invalid for a table that is left with fewer rows than it should have."""
    server.rows(volume.filling(counts, version) or "select 1 as nothing")
    made = server.rows(COUNTS, [list(counts)])
    few = [f"{row['name']} ({row['rows']})" for row in made if row["rows"] < counts[row["name"]] * 0.9]
    if few:
        raise Invalid(f"too few rows in {', '.join(few)}: see suites/migrations/volume.sql")


def _line(seen: lock_clock.Reading) -> dict[str, Any]:
    return {
        "locks": {name: ", ".join(modes) for name, modes in seen.modes.items()},
        "longest stall, s": round(seen.stall_s, 3),
        "queries that waited": seen.blocked,
        "queries": seen.queries,
        "slowest query without a lock in its way, s": round(seen.idle_s, 3),
        "longest time without a sample, s": round(seen.gap_s, 3),
        "share of late queries": round(seen.late, 3),
    }
