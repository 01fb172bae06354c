"""Strikes on replication and on the write-ahead log, each with its inverse in the undo log before it acts."""

import psycopg
from psycopg.rows import DictRow

from seatrial.errors import EnvironmentFault
from seatrial.eventually import eventually
from seatrial.facets.platform._observe import platform_client
from seatrial.facets.postgres._disrupt import DisruptPg
from seatrial.facets.postgres._observe import place
from seatrial.inverses import inverse
from seatrial.probes import postgres
from seatrial.scope import Scope

# A strike waits for no lock longer than this.
_LIMITS = "-c lock_timeout=10s -c statement_timeout=60s"
_PIECE_BYTES = 1 << 20
_PROMOTED_S = 30
_REJOINED_S = 60.0


def session(scope: Scope, standby: str | None = None) -> psycopg.Connection[DictRow]:
    """Open a session at the primary, wherever it is, or at a declared standby, for one strike or one inverse; close it."""
    own = scope.credentials("postgres")
    scope.meter.add(connections=1, writes=1)
    where = place(scope, standby)
    return postgres.connect(where, own.user, own.password, {"options": _LIMITS, **postgres.wherever(where)})


class ReplicationPg(DisruptPg):
    """Changes to standbys and the write-ahead log."""

    def pause_replay(self, standby: str) -> None:
        """Have a standby receive and not replay; the inverse lets it go on."""
        self._scope.undo("pg.resume_replay", {"standby": standby})
        with session(self._scope, standby) as connection:
            connection.execute("select pg_wal_replay_pause()")

    def promote(self, standby: str) -> None:
        """Make a standby a second primary while the failover manager is kept from acting; the inverse lets it, and waits for its work."""
        self._scope.undo("pg.rejoin", {"standby": standby})
        platform_client(self._scope).maintenance(on=True)
        with session(self._scope, standby) as connection:
            done = connection.execute("select pg_promote(wait_seconds => %s) as done", [_PROMOTED_S]).fetchone()
        if not (done and done["done"]):
            raise EnvironmentFault(f"{standby} was not promoted within {_PROMOTED_S} s")

    def write_wal(self, size_bytes: int) -> None:
        """Write that much into the write-ahead log, at the least, and end its segment; no data changes by it."""
        with session(self._scope) as connection:
            for _ in range(-(-size_bytes // _PIECE_BYTES)):
                connection.execute("select pg_logical_emit_message(false, 'seatrial', repeat('-', %s))", [_PIECE_BYTES])
            connection.execute("select pg_switch_wal()")


@inverse("pg.resume_replay")
def _undo_pause_replay(scope: Scope, *, standby: str) -> None:
    with session(scope, standby) as connection:
        connection.execute("select pg_wal_replay_resume() where pg_is_in_recovery()")


@inverse("pg.rejoin")
def _undo_promote(scope: Scope, *, standby: str) -> None:
    client = platform_client(scope)
    client.maintenance(on=False)
    eventually(
        lambda: client.cluster().in_sync(standby), within_s=_REJOINED_S, what=f"{standby} a standby again, in sync"
    )
