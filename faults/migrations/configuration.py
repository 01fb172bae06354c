"""What can happen to the configuration rows of a release."""

from typing import ClassVar

from faults._tree import PatchedTree
from seatrial import Destroy, Observe, fault
from seatrial.platform import Patch


@fault("configuration-row-deleted", kind="data", caught_by={"MIG-11": "a row with that key"})
class RowDeleted:
    """A clean-up took a row of a small table that nobody knew to be configuration.

    Source: https://12factor.net/admin-processes (one-off work on the live data, run beside the release)
    """

    def strike(self, destroy: Destroy) -> None:
        """Delete it."""
        destroy.pg.delete_row("job_kinds", {"kind": "preview"})

    def in_effect(self, observe: Observe) -> bool:
        """Find no row of that kind."""
        return not observe.pg.rows("select 1 as found from job_kinds where kind = 'preview'")


@fault("configuration-row-edited", kind="data", caught_by={"MIG-11": "another digest"})
class RowEdited:
    """A row of configuration was edited by hand, and names a stream that no worker reads.

    Source: https://redis.io/docs/latest/commands/xadd/ (a key that does not exist is made: no error tells of the name)
    """

    def strike(self, destroy: Destroy) -> None:
        """Name another stream."""
        destroy.pg.update_row("job_kinds", {"kind": "preview"}, "stream", "jobs:previews")

    def in_effect(self, observe: Observe) -> bool:
        """Find that stream."""
        return bool(observe.pg.rows("select 1 as found from job_kinds where stream = 'jobs:previews'"))


@fault("configuration-nobody-lists", kind="code", caught_by={"MIG-11": "not there: plans"})
class NobodyLists(PatchedTree):
    """A revision fills a new table that the release reads, and nothing holds its rows to what they should be.

    Source: https://status.cloud.google.com/incidents/ow5i3PPK96RduMcb1SsW (a row of policy with blank fields, which nothing had
    looked at, ended a service in every region)
    """

    edits: ClassVar = [
        Patch(
            file="system/migrations/20270101000000_plans.sql",
            find="",
            replace="-- phase: expand\n-- lock_timeout: 500ms\n\n-- migrate:up\ncreate table plans (name text primary key);\n"
            "insert into plans (name) values ('free');\n\n-- migrate:down\ndrop table plans;\n",
        )
    ]
