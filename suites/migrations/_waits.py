"""Samples of a server's locks, and what they say: what a migration held, for how long, and who waited for it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any

# What these modes conflict with includes reads or writes of single rows.
# https://www.postgresql.org/docs/16/explicit-locking.html#LOCKING-TABLES
BLOCKING = frozenset({"ShareLock", "ShareRowExclusiveLock", "ExclusiveLock", "AccessExclusiveLock"})

# Every lock of the migrator on these tables, and everyone who waits for a lock of any kind.
SAMPLE = """
with migrators as materialized (
    select pid from pg_stat_activity where application_name = 'migrations' and datname = current_database()
)
select clock_timestamp() as at, l.pid, l.pid in (table migrators) as migrates, c.relname as name, l.mode, l.granted,
       l.waitstart, case when l.granted then '{}' else pg_blocking_pids(l.pid) end as waits_for
from pg_locks l left join pg_class c on c.oid = l.relation and c.relkind in ('r', 'p') and l.locktype = 'relation'
where not l.granted or (l.pid in (table migrators) and c.relname = any(%s))
"""
MIGRATORS = (
    "select 1 as come from pg_stat_activity where application_name = 'migrations' and datname = current_database()"
)


@dataclass(frozen=True)
class Sample:
    """The rows of one SAMPLE, and when it was taken on the monotonic clock."""

    at_s: float
    rows: Sequence[Mapping[str, Any]]


def gap_s(samples: Sequence[Sample]) -> float:
    """Return the longest time between two samples."""
    return max((after.at_s - before.at_s for before, after in pairwise(samples)), default=float("inf"))


def holds(samples: Iterable[Sample]) -> dict[tuple[str, str], float]:
    """Return table, mode -> the longest time that samples in a row show it held by the migrator, a lower bound in seconds."""
    longest: dict[tuple[str, str], float] = {}
    since: dict[tuple[str, str], float] = {}
    for sample in samples:
        held = {(row["name"], row["mode"]) for row in sample.rows if row["migrates"] and row["granted"] and row["name"]}
        since = {lock: since.get(lock, sample.at_s) for lock in held}
        for lock, began_s in since.items():
            longest[lock] = max(longest.get(lock, 0.0), sample.at_s - began_s)
    return longest


def waits(samples: Iterable[Sample]) -> dict[tuple[int, datetime], float]:
    """Return process, begin -> how long others were seen to wait for the migrator, or for one who waits for it."""
    seen: dict[tuple[int, datetime], float] = {}
    for sample in samples:
        queue = {row["pid"]: row for row in sample.rows if not row["granted"]}
        guilty = {row["pid"] for row in sample.rows if row["migrates"]}
        behind = set(guilty)
        while more := {
            pid for pid, row in queue.items() if pid not in behind and behind.intersection(row["waits_for"])
        }:
            behind |= more
        for pid in behind - guilty:
            if began := queue[pid]["waitstart"]:  # set a moment after the wait has begun
                seen[pid, began] = (queue[pid]["at"] - began).total_seconds()
    return seen
