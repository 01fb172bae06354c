"""Migrations that do not end well, and two that start at once."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from seatrial import BLOCKER, Exercise, Failure, Invalid, check, require
from suites.migrations import _schema as schema
from suites.migrations._scratch import APPLIED, ScratchServer, revisions

TRIAL = Path(__file__).with_name("trial.sql").read_text()
REMOVE = "drop schema trial cascade"
FAILURE = "trial: the last statement fails"
INTERRUPTION = "terminating connection due to administrator command"
SHOWN_LINES = 6


@check("MIG-08", severity=BLOCKER, component="migrations")
def test_a_migration_that_ends_early_leaves_nothing_and_of_two_at_once_one_runs(exercise: Exercise) -> None:
    """A revision that fails or is interrupted leaves nothing and can be run again; of two migrators at once one runs.

    Why it matters: half of a revision is a schema that no release knows, and the next try fails on what is there already.
    Two instances of a deploy that both migrate do the same to each other, unless one waits and then finds nothing to do.

    How it is measured: on a scratch server, at the last statement of each revision, where it is recorded, a trigger first
    raises an error and then ends the server's side of the connection. After both the schema and the recorded versions must
    be what they were; indexes may stay, since CREATE INDEX CONCURRENTLY runs in no transaction. Then the revision is
    applied, and at head the schema must equal suites/migrations/schema.json. On a second server two migrators start; the
    trigger holds the first at its first record until the second is connected. Both must end well, one having applied
    everything and the other nothing.

    Not covered: the loss of the machine (DR checks), ways down, locks that traffic holds (MIG-05).
    """
    versions = list(revisions(exercise.tree))
    if len(versions) < 2:
        raise Invalid("the first revision makes the runner's table: with no second one there is nothing to measure")
    with exercise.cases(at_least=2 * len(versions) + 2) as cases:
        server = ScratchServer(exercise)
        # The trigger needs the runner's own table, which the first run makes.
        server.up(1)
        server.down()
        server.rows(TRIAL)
        for version in versions:
            before = server.schema()
            for ending, said in (("fails", FAILURE), ("is interrupted", INTERRUPTION)):
                server.rows("update trial.plan set ending = %s", [ending])
                with cases(f"{version} {ending}"):
                    line = server.refusal()
                    if said not in line:
                        raise Invalid(f"{version} should have ended with {said!r}, and ended with: {line}")
                    _require_nothing_left(server, before, version)
            server.rows("update trial.plan set ending = 'ends well'")
            require(
                server.up(1) == [version],
                f"{version} can be applied after both",
                "it is applied already, or another is",
            )
        server.rows(REMOVE)
        with cases("the schema at head"):
            lines = schema.difference(schema.committed(), server.schema())
            require(
                not lines, "the committed snapshot after failures and interruptions", "; ".join(lines[:SHOWN_LINES])
            )
        with cases("two migrators at once"):
            _require_one_runs(ScratchServer(exercise), versions)


def _require_nothing_left(server: ScratchServer, before: dict[str, object], version: str) -> None:
    lines = [line for line in schema.difference(before, server.schema()) if not _is_new_index(line)]
    lines += [f"recorded: {version}" for row in server.rows(APPLIED) if row["version"] == version]
    require(not lines, "nothing left of a revision that did not end well", "; ".join(lines[:SHOWN_LINES]))


def _is_new_index(line: str) -> bool:
    kind, _, path = line.partition(": ")
    return kind == "unexpected" and path.startswith("relations ") and path.split()[2:3] == ["indexes"]


def _require_one_runs(server: ScratchServer, versions: list[str]) -> None:
    server.up(1)
    server.rows(TRIAL)
    server.rows("update trial.plan set ending = 'waits for another'")
    what = "two migrators at once: both end well, and one of them applies everything"
    with ThreadPoolExecutor(2) as pool:
        both = [pool.submit(server.up) for _ in range(2)]
        errors = [error for each in both if (error := each.exception()) is not None]
    for error in errors:
        if not isinstance(error, Failure):
            raise error
    if not server.rows("select is_called as met from trial.met")[0]["met"]:
        raise Invalid("the two migrators did not meet, so that nothing can be said of both at once")
    require(not errors, what, "; ".join(str(error.seen) for error in errors if isinstance(error, Failure)))
    applied = sorted(each.result() for each in both)
    require(applied == [[], versions[1:]], what, f"applied: {applied}")
