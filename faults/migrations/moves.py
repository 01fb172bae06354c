"""What can go wrong on the ways up and down: what is left behind, and what rows lose."""

from typing import ClassVar

from faults._code import PatchedRelease
from seatrial import fault
from seatrial.platform import Patch

FIRST_FILE = "system/migrations/20261102090000_accounts.sql"
REVISION = "20261102090300"
REVISION_FILE = "system/migrations/20261102090300_hot_indexes.sql"


@fault(
    "mig-down-leaves-index",
    kind="code",
    takes_s=30.0,
    caught_by={"MIG-02": "unexpected: relations public.assets indexes assets_page_idx"},
)
class DownLeavesAnIndex(PatchedRelease):
    """A way down forgets one of two indexes; the next way up, with IF NOT EXISTS, takes whatever it is for its own.

    Source: https://www.postgresql.org/docs/16/sql-createindex.html (IF NOT EXISTS: no guarantee that it is the same index)
    """

    services = ("edge",)
    patch: ClassVar = [
        Patch(file=REVISION_FILE, find="drop index concurrently if exists assets_page_idx;\n", replace="")
    ]


@fault("mig-down-leaves-grant", kind="code", takes_s=30.0, caught_by={"MIG-02": "changed: schemas public grants"})
class DownLeavesAGrant(PatchedRelease):
    """A way down drops the tables and leaves the services' way into the schema.

    Source: https://www.postgresql.org/docs/16/sql-revoke.html
    """

    services = ("edge",)
    patch: ClassVar = [
        Patch(file=FIRST_FILE, find="revoke usage on schema public from api, worker, observer;\n", replace="")
    ]


@fault("mig-up-truncates", kind="code", takes_s=30.0, caught_by={"MIG-04": f"rows from before {REVISION} survive it"})
class UpTruncates(PatchedRelease):
    """A revision narrows a column with a cast, which cuts what is too long and says nothing.

    Source: https://www.postgresql.org/docs/16/datatype-character.html (an explicit cast truncates without an error)
    """

    services = ("edge",)
    patch: ClassVar = [
        Patch(
            file=REVISION_FILE,
            find="-- migrate:up transaction:false\n",
            replace="-- migrate:up transaction:false\n"
            "alter table assets alter column title type varchar(60) using title::varchar(60);\n",
        )
    ]


@fault("mig-down-rounds", kind="code", takes_s=30.0, caught_by={"MIG-04": f"rows survive the way down of {REVISION}"})
class DownRounds(PatchedRelease):
    """A way down brings a column back with seconds for microseconds, as it never was.

    Source: https://www.postgresql.org/docs/16/datatype-datetime.html (the precision p of fractional digits)
    """

    services = ("edge",)
    patch: ClassVar = [
        Patch(
            file=REVISION_FILE,
            find="-- migrate:down transaction:false\n",
            replace="-- migrate:down transaction:false\n"
            "alter table assets alter column created_at type timestamptz(0);\n",
        )
    ]
