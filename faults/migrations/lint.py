"""What a reviewer lets through in a revision."""

from typing import ClassVar

from faults._tree import PatchedTree
from seatrial import fault
from seatrial.platform import Patch

FOLDER = "system/migrations"
HEAD = "-- phase: expand\n-- lock_timeout: 500ms\n\n-- migrate:up\n"


@fault("lint-required-column", kind="data", caught_by={"MIG-06": "adding-required-field"})
class RequiredColumn(PatchedTree):
    """A new revision adds a column that is NOT NULL, with no default and no plan for the rows that are there.

    Source: https://squawkhq.com/docs/adding-required-field
    """

    edits: ClassVar = [
        Patch(
            file=f"{FOLDER}/20270101000000_languages.sql",
            find="",
            replace=HEAD + "alter table assets add column language text not null;\n\n"
            "-- migrate:down\nalter table assets drop column language;\n",
        )
    ]


@fault("lint-index-locks", kind="data", caught_by={"MIG-06": "require-concurrent-index-creation"})
class IndexLocks(PatchedTree):
    """A new revision builds an index on a filled table in the ordinary way, which stops every write to it.

    Source: https://www.postgresql.org/docs/16/sql-createindex.html#SQL-CREATEINDEX-CONCURRENTLY
    """

    edits: ClassVar = [
        Patch(
            file=f"{FOLDER}/20270101000000_by_sha256.sql",
            find="",
            replace=HEAD + "create index assets_sha256_idx on assets (sha256);\n\n"
            "-- migrate:down\ndrop index assets_sha256_idx;\n",
        )
    ]


@fault("lint-switched-off", kind="data", caught_by={"MIG-06": "a comment switches the linter off"})
class SwitchedOff(PatchedTree):
    """A new revision tells the linter to look away, where no waiver says why or until when.

    Source: https://squawkhq.com/docs/cli (squawk-ignore)
    """

    edits: ClassVar = [
        Patch(
            file=f"{FOLDER}/20270101000000_no_titles.sql",
            find="",
            replace=HEAD + "-- squawk-ignore ban-drop-column\nalter table assets drop column filename;\n\n"
            "-- migrate:down\nalter table assets add column filename text;\n",
        )
    ]
