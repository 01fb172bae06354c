"""What can happen to the configuration rows of a release."""

from seatrial import Destroy, Observe, fault


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
