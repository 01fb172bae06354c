"""The database's primary and its standby, as a drill strikes them: who is who, and how far a recovery has come."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from seatrial import Disrupt, Failure, Invalid, eventually, require
from seatrial.errors import EnvironmentFault
from seatrial.platform import Cluster

LOCK_FREE, LOCK_TAKEN = "the lost one's lock is over", "another server holds the lock"
PROMOTED, FOLLOWED = "it takes writes", "the pooler is pointed at it"
POOLER, IN_SYNC_S = "pgbouncer", 60.0


@dataclass(frozen=True)
class Pair:
    """One primary and one standby of the profile, in sync with each other when it was made.

    Attributes:
        primary, standby: the parts' names.
        place: address and port of the primary.
        standby_place: those of the standby.
    """

    handle: Disrupt
    primary: str
    standby: str
    place: tuple[str, int]
    standby_place: tuple[str, int]

    @classmethod
    def of(cls, handle: Disrupt, *calls: str) -> "Pair":
        """Find the pair, and wait until nothing that is acknowledged is with the primary alone; Invalid where there is none.

        Args:
            handle: what the drill strikes with.
            calls: what the platform must offer for it.
        """
        declared = handle.profile.postgres
        if declared is None or len(declared.standbys) != 1 or declared.pooler is None:
            raise Invalid("the profile names no [postgres] with one standby and a pooler")
        if missing := [call for call in ("cluster", *calls) if not handle.platform.offers(call)]:
            raise Invalid(f"the platform does not offer {', '.join(missing)}")
        ((standby, door),) = declared.standbys.items()
        primary = handle.platform.cluster().primary
        if primary is None or primary == standby:
            raise Invalid(f"the primary is {primary}, and not what the profile declares as [postgres]")
        places = (declared.address or declared.host, declared.port), (door.address or door.host, door.port)
        found = cls(handle, primary, standby, *places)
        found.require_in_sync()
        return found

    def require_in_sync(self) -> None:
        """Wait until the standby has whatever is acknowledged; without that no loss at all would be luck: Invalid."""
        try:
            eventually(
                self.in_sync, within_s=IN_SYNC_S, every_s=0.2, what=f"{self.standby} in sync with {self.primary}"
            )
        except Failure as failure:
            raise Invalid(str(failure)) from None

    def in_sync(self) -> bool:
        """Ask the primary itself whether it waits for the standby before it acknowledges."""
        rows = self.handle.pg.rows(
            "select state, sync_state from pg_stat_replication where application_name = %s", (self.standby,)
        )
        seen = f"{rows[0]['state']}, {rows[0]['sync_state']}" if rows else "not connected"
        require(seen == "streaming, sync", "streaming, sync", seen, self.standby)
        return True

    def gone(self, part: str, place: tuple[str, int]) -> bool:
        """Say whether no process of a part is left, and nobody listens in its place."""
        left = [each.pid for each in self.handle.platform.processes() if each.part == part]
        return not left and self.handle.tcp.connect(*place) == "refused"

    def taking_over(self) -> dict[str, Callable[[], bool]]:
        """Give the stages by which the standby takes the primary's place."""
        return {
            LOCK_FREE: lambda: (found := self._cluster()) is not None and found.primary != self.primary,
            LOCK_TAKEN: lambda: (found := self._cluster()) is not None and found.primary == self.standby,
            PROMOTED: partial(self.takes_writes, self.standby),
            FOLLOWED: partial(self.followed, self.standby_place),
        }

    def takes_writes(self, standby: str) -> bool:
        """Ask the server at a standby's place whether it is one no more."""
        return bool(self.handle.pg.standby(standby).rows("select not pg_is_in_recovery() as primary")[0]["primary"])

    def followed(self, place: tuple[str, int]) -> bool:
        """Ask the platform where its pooler sends clients; the pooler's console lets no administrator of the database in."""
        address, port = place
        return self.handle.platform.config().get(POOLER, {}).get("server") == f"{address}:{port}"

    def _cluster(self) -> Cluster | None:
        """Give what the failover manager knows; while it is busy with the loss it may be late with its answer."""
        try:
            return self.handle.platform.cluster()
        except EnvironmentFault:
            return None
