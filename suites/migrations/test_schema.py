"""The schema: migrations lead to it from nothing, and the live one is exactly it."""

from typing import Any

from seatrial import BLOCKER, Exercise, Failure, Observe, check, require
from suites.migrations import _configuration as configuration
from suites.migrations import _schema as schema
from suites.migrations._scratch import APPLIED, ScratchServer, revisions

SHOWN_LINES = 12
TABLES = """
select c.relname as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
where n.nspname = 'public' and c.relkind in ('r', 'p') and c.relname <> 'schema_migrations' order by 1
"""


@check("MIG-01", severity=BLOCKER, component="migrations")
def test_migrations_lead_from_nothing_to_head(exercise: Exercise) -> None:
    """An empty database comes to head, head again changes nothing, and the live schema is at head.

    Why it matters: a release whose migrations were forgotten fails on the first query that needs them; migrations that
    work on old databases only make a rebuild from scratch, and with it every disaster plan, impossible.

    How it is measured: a scratch server, shown to be empty, is migrated by the platform: every version of the source tree
    must be applied, the second run must apply none, and the result must equal suites/migrations/schema.json. Each row that is
    there then must stand in suites/migrations/configuration.toml, by which MIG-11 looks for it in the live database. The live
    schema_migrations must list the tree's versions, each with the SHA-256 of its file.

    Not covered: the way down (MIG-02), existing rows (MIG-04), locks (MIG-05).
    """
    files = revisions(exercise.tree)
    server = ScratchServer(exercise)
    with exercise.cases(at_least=6) as cases:
        with cases("empty to head"):
            applied = server.up()
            require(applied == list(files), f"versions {', '.join(files)} applied", ", ".join(applied) or "none")
        with cases("head again"):
            again = server.up()
            require(not again, "nothing applied by the second run", f"applied again: {', '.join(again)}")
        with cases("the schema that comes of it"):
            seen = server.schema()
            _require_equal(seen, "the committed snapshot equals a database brought to head")
        with cases("the rows that come of it"):
            unlisted = configuration.unlisted(_filled(server), configuration.committed())
            require(
                not unlisted, "each one in suites/migrations/configuration.toml", f"not there: {'; '.join(unlisted)}"
            )
        live = {row["version"]: row["sha256"] for row in exercise.pg.rows(APPLIED)}
        exercise.evidence("versions", {"files": list(files), "live": list(live)})
        with cases("the live schema is at head"):
            missing, more = sorted(files.keys() - live.keys()), sorted(live.keys() - files.keys())
            require(not missing, "every revision applied to the live database", f"not applied: {', '.join(missing)}")
            require(not more, "no revision that the source does not have", f"unknown: {', '.join(more)}")
        with cases("the applied files are the tree's"):
            other = [version for version in files.keys() & live.keys() if files[version] != live[version]]
            require(not other, "revisions applied as they stand in the source", f"changed since: {', '.join(other)}")


def _filled(server: ScratchServer) -> dict[str, list[dict[str, Any]]]:
    """Return the rows of every table but that of the versions, which a revision has inserted."""
    tables = [row["name"] for row in server.rows(TABLES)]
    return {table: server.rows(f'select * from "{table}"') for table in tables}  # noqa: S608 - a name of the catalogue's


@check("MIG-03", severity=BLOCKER, component="postgres")
def test_the_live_schema_is_the_committed_one(observe: Observe) -> None:
    """The live schema equals the committed snapshot, every constraint is validated and every index usable.

    Why it matters: what was changed by hand is lost with the next rebuild, and missing from every test: an index dropped
    to save space is an outage under load, a grant given for a moment is a way in.

    How it is measured: tables, columns, types, defaults, constraints, indexes, triggers, policies, functions, views,
    sequences, owners and grants are read from pg_catalog and compared with suites/migrations/schema.json; the finding is
    the difference. Constraints that were added NOT VALID and indexes that a failed build left invalid are named.

    Not covered: extensions, settings of roles (INF-PG-05), rows (MIG-11).
    """
    seen = schema.read(observe.pg.rows)
    if not seen["relations"]:
        raise Failure("tables in the live database", "none that the observing role can see")
    observe.evidence("relations", sorted(seen["relations"]))
    with observe.cases(at_least=2) as cases:
        with cases("constraints and indexes"):
            unusable = schema.invalid(seen)
            require(not unusable, "every constraint validated and every index valid", f"not so: {', '.join(unusable)}")
        with cases("drift"):
            _require_equal(seen, "the live schema equals the committed snapshot")


def _require_equal(seen: dict[str, object], expected: str) -> None:
    lines = schema.difference(schema.committed(), seen)
    shown = "; ".join(lines[:SHOWN_LINES]) + (f"; and {len(lines) - SHOWN_LINES} more" if lines[SHOWN_LINES:] else "")
    require(not lines, expected, shown)
