"""The lock clock: what a migration locks on filled tables, for how long, and whom it keeps waiting meanwhile."""

import queue
import random
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, Self

from seatrial import Failure, eventually
from seatrial.errors import Unanswered
from seatrial.traffic import Shot, Traffic
from suites.migrations._waits import BLOCKING, MIGRATORS, SAMPLE, Sample, gap_s, holds, waits

NOTE = Path(__file__).with_name("lock_clock.sql").read_text()

SESSIONS = 20
# A late query still waits where the server sees it: what lateness takes away is chances to be in the way.
LATE_S, LATE_SHARE = 0.5, 0.05
SAMPLE_EVERY_S = 0.02
# A query that waits this long gives up, as the product's own do a little later.
IMPATIENT = "canceling statement due to statement timeout"
PATIENCE_S = 1.5
# A report is open when the migration comes, and for this long then: longer than the stall that is allowed, and than patience.
REPORT_S = 2.0
COMES_WITHIN_S = 30.0
KEYS = 50
LARGE_ROWS = 1000

_TABLES = """
select c.relname as name, array_agg(a.attname::text) as key,
       string_agg(format('%%I = %%%%s', a.attname), ' and ') as condition
from pg_class c join pg_index i on i.indrelid = c.oid and i.indisprimary
join pg_attribute a on a.attrelid = c.oid and a.attnum = any(i.indkey)
where c.relnamespace = 'public'::regnamespace and c.relname = any(%s) group by c.relname order by c.relname
"""
_WRITABLE = """
select max(attname::text) as name from pg_attribute
where attrelid = %s::regclass and attname = any(%s) and attidentity = '' and attgenerated = '' and not attisdropped
"""
_HELD = "select name, mode from clock.held where version = %s"
# A server's process adds what it has counted at its end; what single rows are found by is the key's index.
_SCANNED = """
select relname as name, pg_stat_get_tuples_returned(oid) as read, reltuples::bigint as rows
from pg_class where relnamespace = 'public'::regnamespace and relname = any(%s)
"""


class Session(Protocol):
    """An open session at the server; `rows` raises Unanswered where the server refuses a query."""

    @property
    def pid(self) -> int:
        """The server's process behind it."""

    def rows(self, sql: str, params: Sequence[object] = ()) -> list[dict[str, Any]]:
        """Return the rows of one query."""


class Server(Protocol):
    """A server that belongs to the check."""

    def session(self) -> AbstractContextManager[Session]:
        """Open a session."""


@dataclass(frozen=True)
class Query:
    """An innocent query: it reads or writes one row by its key, as clients do all day."""

    sql: str
    keys: Sequence[Sequence[object]]


@dataclass(frozen=True)
class Answer:
    """What became of an innocent query: the server's process that ran it, and its error, "" if none."""

    pid: int
    error: str


@dataclass(frozen=True)
class Reading:
    """What the clock shows of one revision.

    Attributes:
        recorded: whether the server saw it recorded.
        modes: table -> the modes in which the migration locked it.
        held_s: table, mode -> how long a mode that blocks was held, at the least.
        scanned: table -> rows that were read of a filled table, where that is all of them.
        stall_s: longest wait of an innocent query for the migration.
        blocked: how many times an innocent query waited for it.
        errors: what innocent queries failed with, but for impatience: how long they waited for the migration says `stall_s`.
        queries: innocent queries that were answered.
        idle_s: the slowest innocent query that waited for no lock of the migration.
        late: share of innocent queries that began late.
        gap_s: longest time without a sample of the locks.
    """

    recorded: bool
    modes: Mapping[str, Sequence[str]]
    held_s: Mapping[tuple[str, str], float]
    scanned: Mapping[str, int]
    stall_s: float
    blocked: int
    errors: Sequence[str]
    queries: int
    idle_s: float
    late: float
    gap_s: float

    @property
    def noise_s(self) -> float:
        """How long the machine alone kept queries or samples waiting."""
        return max(self.idle_s, self.gap_s)


class LockClock:
    """Reads what migrations do to a server, one after the other, under innocent traffic of `per_s` queries a second.

    Use it as a context; its sessions end with it. The server has the runner's table already. Traffic goes on after a short
    migration until there were so many `queries`.
    """

    def __init__(self, server: Server, per_s: float, report_s: float = REPORT_S, queries: int = 0) -> None:
        self._per_s, self._report_s, self._queries = per_s, report_s, queries
        self._stack = ExitStack()
        self._idle: queue.LifoQueue[Session] = queue.LifoQueue()
        with ExitStack() as stack:
            self._watcher = stack.enter_context(server.session())
            self._watcher.rows(NOTE)
            self._reporter = stack.enter_context(server.session())
            for _ in range(SESSIONS):
                session = stack.enter_context(server.session())
                session.rows(f"set statement_timeout = '{PATIENCE_S:g}s'")
                self._idle.put(session)
            self._stack = stack.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def read(self, migrate: Callable[[], object], version: str, columns: Mapping[str, Sequence[str]]) -> Reading:
        """Migrate while traffic reads and writes these columns of tables, and a report that began before is open."""
        queries = self._innocents(columns)
        before = self._counted(columns)
        samples: list[Sample] = []
        come, over = threading.Event(), threading.Event()
        traffic = Traffic(lambda: self._ask(random.choice(queries)), per_s=self._per_s, at_once=SESSIONS)  # noqa: S311 - no secret
        with ThreadPoolExecutor(2) as pool:
            open_ = threading.Event()
            beside = [
                pool.submit(self._watch, list(columns), samples, come, over),
                pool.submit(self._report, list(columns), open_, come, over),
            ]
            try:
                open_.wait(COMES_WITHIN_S)
                with traffic:
                    migrate()
                    # A short one is over before much traffic has met it; what it took away shows only after it.
                    with suppress(Failure):  # too few are the reading's doubt
                        eventually(lambda: len(traffic.shots) >= self._queries, within_s=COMES_WITHIN_S, what="traffic")
            finally:
                over.set()
                come.set()  # a short one may have gone unseen
            for each in beside:
                each.result()
        self._gone()
        counted = {name: read - before[name][0] for name, (read, _) in self._counted(columns).items() if name in before}
        scanned = {name: read for name, read in counted.items() if read >= max(before[name][1], LARGE_ROWS)}
        return reading(samples, traffic.shots, self._watcher.rows(_HELD, [version]), scanned)

    def _counted(self, columns: Mapping[str, object]) -> dict[str, tuple[int, int]]:
        return {row["name"]: (row["read"], row["rows"]) for row in self._watcher.rows(_SCANNED, [list(columns)])}

    def _gone(self) -> None:
        eventually(lambda: not self._watcher.rows(MIGRATORS), within_s=5.0, what="the migrator gone from the server")

    def _innocents(self, columns: Mapping[str, Sequence[str]]) -> list[Query]:
        made = []
        for table in self._watcher.rows(_TABLES, [list(columns)]):
            name, key, where = table["name"], table["key"], table["condition"]
            some = f"select {', '.join(key)} from {name} limit {KEYS}"  # noqa: S608 - names from the catalogue
            keys = [list(row.values()) for row in self._watcher.rows(some)]
            made.append(Query(f"select 1 as found from {name} where {where}", keys))  # noqa: S608 - likewise
            others = [column for column in columns[name] if column not in key]
            if column := self._watcher.rows(_WRITABLE, [name, others])[0]["name"]:
                made.append(Query(f"update {name} set {column} = {column} where {where}", keys))  # noqa: S608 - likewise
        return [query for query in made if query.keys]

    def _ask(self, query: Query) -> Answer:
        session = self._idle.get()
        try:
            session.rows(query.sql, random.choice(query.keys))  # noqa: S311 - no secret
        except Unanswered as error:
            return Answer(session.pid, str(error.seen))
        finally:
            self._idle.put(session)
        return Answer(session.pid, "")

    def _watch(self, tables: list[str], samples: list[Sample], come: threading.Event, over: threading.Event) -> None:
        while not over.wait(SAMPLE_EVERY_S):
            if not come.is_set() and self._watcher.rows(MIGRATORS):
                come.set()
            samples.append(Sample(time.monotonic(), self._watcher.rows(SAMPLE, [tables])))

    def _report(self, tables: list[str], open_: threading.Event, come: threading.Event, over: threading.Event) -> None:
        self._reporter.rows("begin")
        try:
            for table in tables:
                self._reporter.rows(f"select 1 as found from {table} limit 1")  # noqa: S608 - from the catalogue
            open_.set()
            if come.wait(COMES_WITHIN_S):
                over.wait(self._report_s)
        finally:
            self._reporter.rows("rollback")


def reading(
    samples: Sequence[Sample],
    shots: Sequence[Shot[Answer]],
    noted: Iterable[Mapping[str, Any]],
    scanned: Mapping[str, int],
) -> Reading:
    """Put together what samples, traffic and the note of the revision's own transaction say."""
    held, waited, noted = holds(samples), waits(samples), list(noted)
    locks = {*held, *((row["name"], row["mode"]) for row in noted)}
    waiters = {pid for pid, _ in waited}
    return Reading(
        recorded=bool(noted),
        modes={
            table: sorted(mode for name, mode in locks if name == table)
            for table in sorted({name for name, _ in locks})
        },
        held_s={lock: seconds for lock, seconds in held.items() if lock[1] in BLOCKING},
        scanned=scanned,
        stall_s=max(waited.values(), default=0.0),
        blocked=len(waited),
        errors=sorted(
            {shot.answer.error for shot in shots if shot.answer.error and IMPATIENT not in shot.answer.error}
        ),
        queries=sum(not shot.answer.error for shot in shots),
        idle_s=max((shot.ended_s - shot.began_s for shot in shots if shot.answer.pid not in waiters), default=0.0),
        late=sum(shot.began_s - shot.due_s > LATE_S for shot in shots) / len(shots) if shots else 1.0,
        gap_s=gap_s(samples),
    )


def findings(seen: Reading, *, stall_s: float, blocked: int) -> list[str]:
    """Say what of a reading is over the budget."""
    lines = [f"{mode} on {table} for {held:.2f} s" for (table, mode), held in seen.held_s.items() if held > stall_s]
    lines += [
        f"{rows} rows of {table} read in a revision that takes {mode} on it"
        for table, rows in seen.scanned.items()
        for mode in seen.modes.get(table, ())
        if mode in BLOCKING
    ]
    if seen.stall_s > stall_s:
        lines.append(f"a query waited {seen.stall_s:.2f} s for the migration")
    if seen.blocked > blocked:
        lines.append(f"queries waited {seen.blocked} times for the migration")
    return lines + [f"a query failed: {error}" for error in seen.errors]


def certain(seen: Reading, *, stall_s: float, blocked: int, per_s: float) -> list[str]:
    """Say what is over the budget by more than the machine alone explains, which slows the migration down as it does queries."""
    return findings(seen, stall_s=stall_s + seen.noise_s, blocked=blocked + round(per_s * seen.noise_s))


def doubt(seen: Reading, *, stall_s: float, blocked: int, queries: int) -> str:
    """Say why a reading in which nothing is certain says nothing, "" if it shows that all is within the budget."""
    if not seen.recorded:
        return "the revision was not seen to be recorded"
    if seen.queries < queries:
        return f"only {seen.queries} innocent queries were answered meanwhile, expected {queries} or more"
    if seen.late > LATE_SHARE:
        return f"{seen.late:.0%} of the innocent queries began late: too busy a machine"
    if seen.gap_s > stall_s:
        return f"two samples of the locks were {seen.gap_s:.2f} s apart: too busy a machine"
    if over := findings(seen, stall_s=stall_s, blocked=blocked):
        return f"{'; '.join(over)}, but the machine alone kept queries or samples waiting for {seen.noise_s:.2f} s"
    return ""
