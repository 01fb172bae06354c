"""What makes a revision stop the product while it runs."""

from typing import ClassVar

from faults._code import PatchedRelease
from seatrial import fault
from seatrial.platform import Patch

RUNNER = "system/migrations/runner.py"
JOBS_FILE = "system/migrations/20261102090200_jobs.sql"
INDEXES_FILE = "system/migrations/20261102090300_hot_indexes.sql"


def before_jobs(sql: str) -> Patch:
    """Have the revision that makes jobs begin with a statement about what is there already."""
    return Patch(file=JOBS_FILE, find="-- migrate:up\n", replace=f"-- migrate:up\n{sql}\n")


@fault(
    "clock-index-blocks",
    kind="code",
    takes_s=40.0,
    caught_by={"MIG-05": "rows of assets read in a revision that takes ShareLock on it"},
)
class IndexBlocks(PatchedRelease):
    """An index is built in the ordinary way: nobody can write to the table until it has been read.

    Source: https://www.postgresql.org/docs/16/sql-createindex.html#SQL-CREATEINDEX-CONCURRENTLY
    """

    services = ("edge",)
    patch: ClassVar = [
        Patch(
            file=INDEXES_FILE,
            find="create index concurrently if not exists assets_page_idx",
            replace="create index if not exists assets_page_idx",
        )
    ]


@fault(
    "clock-default-rewrites",
    kind="code",
    takes_s=40.0,
    caught_by={"MIG-05": "rows of assets read in a revision that takes AccessExclusiveLock on it"},
)
class DefaultRewrites(PatchedRelease):
    """A column comes with a default that is another for each row, so that the whole table is written anew.

    Source: https://www.postgresql.org/docs/16/sql-altertable.html#SQL-ALTERTABLE-NOTES (a volatile default)
    """

    services = ("edge",)
    patch: ClassVar = [before_jobs("alter table assets add column trace uuid not null default gen_random_uuid();")]


@fault(
    "clock-not-null-scans",
    kind="code",
    takes_s=40.0,
    caught_by={"MIG-05": "rows of assets read in a revision that takes AccessExclusiveLock on it"},
)
class NotNullScans(PatchedRelease):
    """SET NOT NULL reads the whole table while nobody may even read it, for want of a constraint that says so already.

    Source: https://www.postgresql.org/docs/16/sql-altertable.html#SQL-ALTERTABLE-DESC-SET-DROP-NOT-NULL
    """

    services = ("edge",)
    patch: ClassVar = [before_jobs("alter table assets alter column upload_id set not null;")]


@fault("clock-slow-transaction", kind="code", takes_s=40.0, caught_by={"MIG-05": "AccessExclusiveLock on accounts for"})
class SlowTransaction(PatchedRelease):
    """A transaction that has altered a table in no time goes on with something slow before it ends.

    Source: https://www.postgresql.org/docs/16/explicit-locking.html#LOCKING-TABLES (locks are held to the transaction's end)
    """

    services = ("edge",)
    patch: ClassVar = [before_jobs("alter table accounts add column plan text;\nselect pg_sleep(2);")]


@fault("clock-no-lock-timeout", kind="code", takes_s=40.0, caught_by={"MIG-05": "a query waited"})
class NoLockTimeout(PatchedRelease):
    """The runner waits for its lock for as long as it takes, and everybody else waits behind it.

    Source: https://gocardless.com/blog/zero-downtime-postgres-migrations-the-hard-parts/ (ALTER TABLE behind one long query, and the
    API behind it)
    """

    services = ("edge",)
    patch: ClassVar = [
        before_jobs("alter table assets add column language text;"),
        Patch(file=RUNNER, find='("lock_timeout", migration.lock_timeout)', replace='("lock_timeout", "0")'),
    ]
