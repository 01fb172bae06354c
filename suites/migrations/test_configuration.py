"""Configuration rows: what the release reads from its tables before any user has written to them."""

import re
from typing import Any

from seatrial import BLOCKER, Invalid, Observe, check, require
from suites.migrations._configuration import committed, digest
from suites.migrations._scratch import FOLDER, revisions

INSERT = re.compile(r"^insert into (?:public\.)?([a-z0-9_]+)", re.MULTILINE | re.IGNORECASE)


@check("MIG-11", severity=BLOCKER, component="postgres")
def test_the_configuration_rows_that_the_release_needs_are_there(observe: Observe) -> None:
    """Every row that the release needs as its configuration is in the live database, by its key and the digest of the whole.

    Why it matters: a kind of job without its row cannot be queued, so that every upload ends in an error; a row that names
    another stream is worse: jobs are queued where no worker listens, and nothing says so.

    How it is measured: the rows of suites/migrations/configuration.toml are looked up in the live database by their key,
    and the SHA-256 of the row, as JSON with sorted keys, is compared. Every table into which a revision of the tree
    inserts must stand in that file.

    Not covered: rows beyond these, which a newer release may have brought; they are in the evidence. That the file lists each
    row that revisions insert (MIG-01).
    """
    listed = committed()
    revisions(observe.tree)
    inserted = {
        table
        for path in (observe.tree / FOLDER).glob("*.sql")
        for table in INSERT.findall(path.read_text().split("-- migrate:down")[0])
    }
    if not inserted:
        raise Invalid("no revision inserts a row, so configuration.toml cannot be what they insert")
    seen: dict[str, Any] = {}
    with observe.cases(at_least=1 + sum(len(table["rows"]) for table in listed.values())) as cases:
        with cases("tables that revisions fill"):
            unknown = sorted(inserted - listed.keys())
            require(not unknown, "each one in suites/migrations/configuration.toml", f"not there: {', '.join(unknown)}")
        for table, expected in listed.items():
            key = expected["key"]
            live = {row[key]: row for row in observe.pg.rows(f"select * from {table}")}  # noqa: S608 - a committed name
            seen[table] = {str(name): digest(row) for name, row in live.items()}
            for row in expected["rows"]:
                with cases(f"{table} {row[key]}"):
                    require(row[key] in live, "a row with that key", "none")
                    found = live[row[key]]
                    require(digest(found) == digest(row), f"the row {row}", f"another digest: {found}")
    observe.evidence("digests", seen)
