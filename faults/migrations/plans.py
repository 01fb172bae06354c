"""What takes the index away from a query that runs all the time."""

from typing import ClassVar

from faults._code import PatchedRelease
from seatrial import fault
from seatrial.platform import Patch


@fault("plans-index-missing", kind="code", takes_s=30.0, caught_by={"MIG-10": "Seq Scan on assets"})
class IndexMissing(PatchedRelease):
    """A revision forgets the index of the list that every user sees first.

    Source: https://use-the-index-luke.com/sql/where-clause/the-equals-operator/primary-keys
    """

    services = ("edge",)
    patch: ClassVar = [
        Patch(
            file="system/migrations/20261102090300_hot_indexes.sql",
            find="create index concurrently if not exists assets_page_idx"
            " on assets (account_id, created_at desc, id desc);\n",
            replace="",
        )
    ]


@fault("plans-index-of-another-column", kind="code", takes_s=30.0, caught_by={"MIG-10": "Seq Scan on jobs"})
class IndexOfAnotherColumn(PatchedRelease):
    """A partial index names a state that no query asks for, so that the planner may never use it.

    Source: https://www.postgresql.org/docs/16/indexes-partial.html (the predicate must be implied by the query's WHERE)
    """

    services = ("edge",)
    patch: ClassVar = [
        Patch(
            file="system/migrations/20261102090200_jobs.sql",
            find="on jobs (created_at) where state in ('queued', 'running');",
            replace="on jobs (created_at) where state in ('queued', 'failed');",
        )
    ]
