"""Strikes on replication and on the write-ahead log, each with its inverse in the undo log before it acts."""

import psycopg
from psycopg.rows import DictRow

from seatrial.errors import EnvironmentFault, HarnessError
from seatrial.eventually import eventually
from seatrial.facets.postgres._disrupt import DisruptPg
from seatrial.facets.postgres._observe import place
from seatrial.inverses import inverse
from seatrial.probes import postgres
from seatrial.scope import Scope

# A strike waits for no lock longer than this.
_LIMITS = "-c lock_timeout=10s -c statement_timeout=60s"
_PIECE_BYTES = 1 << 20
_SLOT_FREE_S = 10.0
_PROMOTED_S = 30


def session(scope: Scope, standby: str | None = None) -> psycopg.Connection[DictRow]:
    """Open a session at the primary, or at a declared standby, for one strike or one inverse; close it."""
    own = scope.credentials("postgres")
    scope.meter.add(connections=1, writes=1)
    return postgres.connect(place(scope, standby), own.user, own.password, {"options": _LIMITS})


class ReplicationPg(DisruptPg):
    """Changes to standbys, slots and the write-ahead log."""

    def pause_replay(self, standby: str) -> None:
        """Have a standby receive and not replay; the inverse lets it go on."""
        self._scope.undo("pg.resume_replay", {"standby": standby})
        with session(self._scope, standby) as connection:
            connection.execute("select pg_wal_replay_pause()")

    def promote(self, standby: str) -> None:
        """Make a standby a second primary; the inverse restarts the part of that name, which makes it anew."""
        self._scope.undo("platform.again", {"part": standby})
        with session(self._scope, standby) as connection:
            done = connection.execute("select pg_promote(wait_seconds => %s) as done", [_PROMOTED_S]).fetchone()
        if not (done and done["done"]):
            raise EnvironmentFault(f"{standby} was not promoted within {_PROMOTED_S} s")

    def drop_slot(self, name: str) -> None:
        """End whoever uses a physical replication slot, and drop it; the inverse makes one of that name."""
        with session(self._scope) as connection:
            found = connection.execute(
                "select slot_type from pg_replication_slots where slot_name = %s", [name]
            ).fetchone()
            if found is None or found["slot_type"] != "physical":
                raise HarnessError(f"postgres has no physical replication slot {name!r}")
            self._scope.undo("pg.make_slot", {"name": name})

            def dropped() -> bool:
                connection.execute(
                    "select pg_terminate_backend(active_pid) from pg_replication_slots "
                    "where slot_name = %s and active_pid is not null",
                    [name],
                )
                try:
                    connection.execute("select pg_drop_replication_slot(%s)", [name])
                except psycopg.errors.ObjectInUse:
                    return False
                return True

            eventually(dropped, within_s=_SLOT_FREE_S, what=f"slot {name} free to be dropped", every_s=0.05)

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


@inverse("pg.make_slot")
def _undo_drop_slot(scope: Scope, *, name: str) -> None:
    with session(scope) as connection:
        connection.execute(
            "select pg_create_physical_replication_slot(%(name)s, true) "
            "where not exists (select from pg_replication_slots where slot_name = %(name)s)",
            {"name": name},
        )
