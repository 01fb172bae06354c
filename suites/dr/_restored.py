"""A server restored from a backup: asked for, and examined as its owner."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from seatrial import Exercise, Failure, Invalid, eventually, require
from seatrial.errors import EnvironmentFault, Unanswered
from seatrial.platform import Archived, Restored
from suites.migrations import _rows as rows

STILL_S = 30.0
DATABASES = "select datname as name from pg_database where datname <> 'template0' order by 1"
OPENED = "alter database template0 allow_connections true"
AVAILABLE = "select 1 from pg_available_extensions where name = 'amcheck'"
INDEXES = """
select count(bt_index_check(c.oid::regclass, true)) as checked
from pg_class c join pg_am a on a.oid = c.relam join pg_index i on i.indexrelid = c.oid
where c.relkind = 'i' and a.amname = 'btree' and c.relpersistence = 'p' and i.indisvalid
"""
HEAPS = """
select c.oid::regclass::text as relation, found.blkno as block, found.msg as message
from pg_class c join pg_am a on a.oid = c.relam left join lateral verify_heapam(c.oid::regclass) found on true
where c.relkind in ('r', 'm', 't') and a.amname = 'heap' and c.relpersistence = 'p'
"""
SEQUENCES = """
select a.attrelid::regclass::text as table, quote_ident(a.attname) as column,
       pg_get_serial_sequence(a.attrelid::regclass::text, a.attname) as sequence
from pg_attribute a join pg_class c on c.oid = a.attrelid
where c.relnamespace = 'public'::regnamespace and c.relkind = 'r' and a.attnum > 0 and not a.attisdropped
  and pg_get_serial_sequence(a.attrelid::regclass::text, a.attname) is not null
"""


def archived(exercise: Exercise) -> Archived:
    """Have what was written so far archived; that it is not is a finding."""
    try:
        return exercise.platform.archive()
    except EnvironmentFault as error:
        exercise.platform.status()  # a platform that does not answer is no finding about the archive
        raise Failure("everything written so far archived", str(error), "postgres") from None


def restored(exercise: Exercise, *, backup: str | None = None, to: datetime) -> Restored:
    """Recover a scratch server, which is dropped when the check ends; that it cannot be is a finding."""
    if not exercise.platform.offers("restore"):
        raise Invalid("the platform does not offer restore")
    try:
        found = exercise.platform.restore(backup, to)
    except EnvironmentFault as error:
        exercise.platform.status()
        raise Failure(f"a server restored to {to}", str(error), "backups") from None
    exercise.cleanup(exercise.platform.drop_scratch, found.scratch.id)
    return found


def clocked(exercise: Exercise, log: Archived, server: Restored, budget_s: float) -> float:
    """Keep the stages of a recovery as evidence, each with the seconds since its beginning, and return the last."""
    fetched_s = log.seconds + server.seconds["fetch"]
    took_s = fetched_s + server.seconds["recover"]
    stages = {"log archived": log.seconds, "backup and log fetched": fetched_s, "recovered": took_s}
    rows = [{"stage": name, "s": round(at_s, 2), "budget s": None} for name, at_s in stages.items()]
    rows[-1]["budget s"] = budget_s
    exercise.evidence("RTO", rows)
    return took_s


@dataclass(frozen=True)
class Known:
    """What the live database held at a moment.

    Attributes:
        moment: by the server's clock.
        tables: table -> its columns.
        counts: table -> its rows.
        digests: "table column" -> digest of its values.
    """

    moment: datetime
    tables: dict[str, list[str]]
    counts: dict[str, int]
    digests: dict[str, str]


def known_point(exercise: Exercise) -> Known:
    """Read the live database around a moment at which nothing changes; raises Invalid when it does not hold still."""

    def still() -> Known:
        before = _read(exercise)
        after = _read(exercise)
        moved = [name for name, digest in after.digests.items() if before.digests.get(name) != digest]
        require(before.counts == after.counts and not moved, "a database that holds still", f"{moved} changed")
        return after

    try:
        return eventually(still, within_s=STILL_S, every_s=0.5, what="two equal readings of the live database")
    except Failure as failure:
        if isinstance(failure.seen, Unanswered):
            raise failure.seen from None
        raise Invalid(f"the live database is never still, so that nothing can be compared: {failure.seen}") from None


def _read(exercise: Exercise) -> Known:
    moment = exercise.pg.rows("select clock_timestamp() as now")[0]["now"]
    tables = rows.tables(exercise.pg.rows)
    return Known(moment, tables, rows.counts(exercise.pg.rows, tables), rows.digests(exercise.pg.rows, tables))


def differences(expected: Known, counts: dict[str, int], digests: dict[str, str]) -> list[str]:
    """Say what another server holds otherwise: rows by table, then values by column."""
    found = [
        f"{table}: {counts.get(table, 'no such table')} rows, not {number}"
        for table, number in expected.counts.items()
        if counts.get(table) != number
    ]
    names = {*expected.digests, *digests}
    return found + sorted(f"{name}: other values" for name in names if expected.digests.get(name) != digests.get(name))


def contents(exercise: Exercise, server: Restored, known: Known) -> tuple[dict[str, int], dict[str, str]]:
    """Count and digest the same tables on the restored server."""
    with exercise.pg.scratch_session(server.scratch) as session:
        tables = rows.tables(session.rows)
        there = {name: columns for name, columns in known.tables.items() if name in tables}
        return rows.counts(session.rows, there), rows.digests(session.rows, there)


def checked_pages(exercise: Exercise, server: Restored) -> dict[str, Any]:
    """Read every page of every table and B-tree of all its databases, and hold them against each other with amcheck.

    Raises Failure for a page whose checksum is wrong or whose content is; Invalid where the server has no amcheck.
    """
    if not exercise.pg.scratch_rows(server.scratch, AVAILABLE):
        raise Invalid("the restored server has no amcheck")
    exercise.pg.scratch_rows(server.scratch, OPENED)
    names = [row["name"] for row in exercise.pg.scratch_rows(server.scratch, DATABASES)]
    found = {"databases": 0, "heaps": 0, "indexes": 0}
    for name in [*names, "template0"]:
        with exercise.pg.scratch_session(replace(server.scratch, dbname=name)) as session:
            session.rows("create extension if not exists amcheck")
            heaps = session.rows(HEAPS)
            wrong = [f"{row['relation']} block {row['block']}: {row['message']}" for row in heaps if row["message"]]
            require(not wrong, f"no corrupt row in {name}", "; ".join(wrong[:3]), server.backup)
            found["indexes"] += session.rows(INDEXES)[0]["checked"]
        found["heaps"] += len(heaps)
        found["databases"] += 1
    return found


def behind(exercise: Exercise, server: Restored) -> tuple[int, list[str]]:
    """Count the sequences of columns that hold something, and name those that would give a number again."""
    with exercise.pg.scratch_session(server.scratch) as session:
        places = [_place(session.rows, column) for column in session.rows(SEQUENCES)]
    used = [place for place in places if place["largest"] is not None]
    late = [
        f"{each['sequence']} is at {each['last']}, not past {each['largest']}"
        for each in used
        if each["largest"] > each["last"]
    ]
    return len(used), late


def _place(ask: rows.Rows, column: dict[str, Any]) -> dict[str, Any]:
    sequence = column["sequence"]
    newest = (
        f"select max({column['column']}) as largest, (select last_value from {sequence}) as last from {column['table']}"  # noqa: S608 - quoted by the server
    )
    return {**ask(newest)[0], "sequence": sequence}
