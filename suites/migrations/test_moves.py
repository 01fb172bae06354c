"""The ways up and down: every revision can be taken back and applied again, and loses no row of what was there before."""

from collections.abc import Mapping
from typing import Any

from seatrial import BLOCKER, Exercise, Failure, Invalid, check, require
from suites.migrations import _rows as rows
from suites.migrations import _schema as schema
from suites.migrations._scratch import ScratchServer, revisions

SHOWN_LINES = 8
BOOKKEEPING = "public.schema_migrations"


@check("MIG-02", severity=BLOCKER, component="migrations")
def test_every_revision_goes_up_and_down_to_the_same_schema(exercise: Exercise) -> None:
    """Up, down and up of every revision give the same schemas again.

    Why it matters: a way down that leaves something behind is found out on the night of a rollback: the revision that is
    then mended and applied again fails because its index, type or grant is there already.

    How it is measured: a scratch server goes up from nothing revision by revision. Each revision is applied, taken back
    and applied again; the schema as pg_catalog has it (tables, columns, constraints, indexes, triggers, functions, types,
    owners, grants) must be after the way down what it was before, and after the second way up what it was after the
    first. The runner's own table, which its first run makes, is no leftover.

    Not covered: rows (MIG-04), locks on filled tables (MIG-05), extensions and settings of roles.
    """
    versions = list(revisions(exercise.tree))
    server = ScratchServer(exercise)
    digests = {}
    before = server.schema()
    with exercise.cases(at_least=2 * len(versions)) as cases:
        for version in versions:
            _step(server.up(1), version, "applied")
            above = server.schema()
            digests[version] = schema.digest(above)
            _step(server.down(), version, "reverted")
            below = server.schema()
            if version == versions[0]:
                below["relations"].pop(BOOKKEEPING, None)
            with cases(f"{version} down"):
                _require_same(before, below, f"down of {version} gives the schema from before it")
            _step(server.up(1), version, "applied")
            with cases(f"{version} up again"):
                _require_same(above, server.schema(), f"the second up of {version} gives what the first gave")
            before = above
    exercise.evidence("digests", digests)


@check("MIG-04", severity=BLOCKER, component="migrations")
def test_rows_survive_every_revision_up_and_down(exercise: Exercise) -> None:
    """Rows that were there before a revision are the same after it, and after it was taken back.

    Why it matters: a column that is narrowed, rounded or filled anew loses what users gave, in silence and in one
    statement; afterwards only a restore brings it back.

    How it is measured: a scratch server goes up revision by revision. Before each one, the tables that there are hold the
    rows of suites/migrations/seed.sql: the longest texts, other scripts, large numbers, microseconds, missing values. The
    digest of every table, over the columns that it had, is taken before, after the revision and after the way down.
    At the end every table of the product must have held rows, or the check is INVALID.

    Not covered: the schema (MIG-02), columns that a revision adds, volumes and locks (MIG-05).
    """
    versions = list(revisions(exercise.tree))
    server = ScratchServer(exercise)
    seeds = rows.seeds()
    if strange := sorted(seeds.keys() - set(versions)):
        raise Invalid(f"seed.sql has rows for revisions that the tree does not have: {', '.join(strange)}")
    survived: dict[str, int] = {}
    with exercise.cases(at_least=2 * (len(versions) - 1)) as cases:
        for version in versions:
            tables = rows.tables(server.rows)
            before = rows.digests(server.rows, tables)
            _step(server.up(1), version, "applied")
            if before:
                with cases(f"{version} up"):
                    _require_same_rows(server, tables, before, f"rows from before {version} survive it")
                _step(server.down(), version, "reverted")
                with cases(f"{version} down"):
                    _require_same_rows(server, tables, before, f"rows survive the way down of {version}")
                _step(server.up(1), version, "applied")
            if version in seeds:
                server.rows(seeds[version])
        survived = rows.counts(server.rows, rows.tables(server.rows))
    if empty := sorted(table for table, count in survived.items() if not count):
        raise Invalid(f"no rows were seeded in {', '.join(empty)}: write some into suites/migrations/seed.sql")
    exercise.evidence("rows", survived)


def _step(moved: list[str], version: str, how: str) -> None:
    require(moved == [version], f"exactly {version} {how} by one step", ", ".join(moved) or "nothing")


def _require_same(expected: Mapping[str, Any], seen: Mapping[str, Any], what: str) -> None:
    lines = schema.difference(expected, seen)
    if lines:
        more = f"; and {len(lines) - SHOWN_LINES} more" if len(lines) > SHOWN_LINES else ""
        raise Failure(what, "; ".join(lines[:SHOWN_LINES]) + more)


def _require_same_rows(server: ScratchServer, tables: rows.Tables, before: Mapping[str, str], what: str) -> None:
    left = {name: columns for name, columns in tables.items() if name in rows.tables(server.rows)}
    changed = rows.changed(before, rows.digests(server.rows, left))
    require(not changed, what, f"another digest, or none: {', '.join(changed)}")
