"""What can part the live schema from the migrations, and the migrations from an empty database."""

from typing import ClassVar

from faults._code import PatchedRelease
from faults._tree import PatchedTree
from seatrial import Destroy, Observe, fault
from seatrial.platform import Patch

INDEX, LATER_INDEX = "assets_page_idx", "assets_title_idx"
REVISION = "20261102090300"
REVISION_FILE = "system/migrations/20261102090300_hot_indexes.sql"


@fault("mig-unapplied", kind="data", caught_by={"MIG-01": f"not applied: {REVISION}"})
class Unapplied:
    """A release went out and one of its revisions did not.

    Source: https://veeraannapu.vercel.app/blog/db-migration-production-incident (a migration left out of the pipeline)
    """

    def strike(self, destroy: Destroy) -> None:
        """Take away what the revision made, and its row."""
        destroy.pg.drop_index(INDEX)
        destroy.pg.delete_row("schema_migrations", {"version": REVISION})

    def in_effect(self, observe: Observe) -> bool:
        """Miss in pg_indexes what the revision makes."""
        return not observe.pg.rows("select 1 as found from pg_indexes where indexname = %s", [INDEX])


@fault("mig-edited", kind="data", caught_by={"MIG-01": "changed since"})
class EditedAfterwards(PatchedTree):
    """A revision was edited after it had been applied, so that old and new databases differ.

    Source: https://github.com/flyway/flyway/issues/695 (SQL added to an applied file, and an inconsistent production)
    """

    edits: ClassVar = [
        Patch(
            file=REVISION_FILE,
            find="-- What the relay still has to send.\n",
            replace=f"create index concurrently if not exists {LATER_INDEX} on assets (title);\n"
            "-- What the relay still has to send.\n",
        )
    ]

    def in_effect(self, observe: Observe) -> bool:
        """Read in the revision of an index which the live schema has not."""
        made = observe.pg.rows("select 1 as found from pg_indexes where indexname = %s", [LATER_INDEX])
        return super().in_effect(observe) and not made


@fault(
    "mig-not-from-empty", kind="code", takes_s=30.0, caught_by={"MIG-01": 'relation "assets_archive" does not exist'}
)
class NotFromEmpty(PatchedRelease):
    """A revision needs a table that somebody once made by hand, so that it works on old databases only.

    Source: https://guides.rubyonrails.org/active_record_migrations.html#what-are-schema-files-for (old migrations that no
    longer apply)
    """

    services = ("edge",)
    patch: ClassVar = [
        Patch(
            file=REVISION_FILE,
            find="-- migrate:up transaction:false\n",
            replace="-- migrate:up transaction:false\ncomment on table assets_archive is 'made by hand';\n",
        )
    ]


@fault("schema-index-dropped", kind="data", caught_by={"MIG-03": f"missing: relations public.assets indexes {INDEX}"})
class IndexDropped:
    """An index that looked redundant was dropped by hand.

    Source: https://www.darshanturakhia.com/blog/ai-dropped-wrong-index-migration-query-spike
    """

    def strike(self, destroy: Destroy) -> None:
        """Drop it."""
        destroy.pg.drop_index(INDEX)

    def in_effect(self, observe: Observe) -> bool:
        """Miss it in pg_indexes."""
        return not observe.pg.rows("select 1 as found from pg_indexes where indexname = %s", [INDEX])


@fault("schema-index-invalid", kind="data", caught_by={"MIG-03": f"index {INDEX} of public.assets"})
class IndexInvalid:
    """A concurrent build of an index failed and left it behind, unusable and still written to.

    Source: https://www.postgresql.org/docs/16/sql-createindex.html#SQL-CREATEINDEX-CONCURRENTLY
    """

    def strike(self, destroy: Destroy) -> None:
        """Mark it so."""
        destroy.pg.invalidate_index(INDEX)

    def in_effect(self, observe: Observe) -> bool:
        """Read the mark in pg_index."""
        row = observe.pg.rows("select indisvalid from pg_index where indexrelid = %s::regclass", [INDEX])[0]
        return not row["indisvalid"]


@fault("schema-grant", kind="configuration", caught_by={"MIG-03": "worker: delete"})
class GrantByHand:
    """A service got a privilege by hand that no migration gives.

    Source: https://www.postgresql.org/docs/16/sql-grant.html
    """

    def strike(self, destroy: Destroy) -> None:
        """Grant it."""
        destroy.pg.grant("DELETE", "assets", "worker")

    def in_effect(self, observe: Observe) -> bool:
        """Ask the server for the privilege."""
        row = observe.pg.rows("select has_table_privilege('worker', 'assets', 'delete') as held")[0]
        return bool(row["held"])
