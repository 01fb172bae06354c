"""What can part a standby from its primary, or put it in the primary's place unseen."""

from seatrial import Destroy, Observe, fault

STANDBY = "postgres-standby"
REPLICATOR = "replicator"
MORE_THAN_THE_BUDGET_BYTES = 24 << 20
TRUST_HBA = "host all all 0.0.0.0/0 trust\n"


@fault(
    "standby-replay-paused",
    kind="process",
    caught_by={"INF-PG-06": "replay is paused"},
    takes_s=20.0,
)
class ReplayPaused:
    """Replay was paused to look at something, and nobody let it go on: the standby receives and falls behind.

    Source: https://www.postgresql.org/docs/16/functions-admin.html#FUNCTIONS-RECOVERY-CONTROL (pg_wal_replay_pause)
    """

    def strike(self, destroy: Destroy) -> None:
        """Pause it in a maintenance, for the failover manager would have it go on, and let the primary go on writing."""
        destroy.platform.maintenance()
        destroy.pg.pause_replay(STANDBY)
        destroy.pg.write_wal(MORE_THAN_THE_BUDGET_BYTES)

    def in_effect(self, observe: Observe) -> bool:
        """Find the replaying process waiting for someone."""
        rows = observe.pg.standby(STANDBY).rows(
            "select wait_event from pg_stat_activity where backend_type = 'startup'"
        )
        return bool(rows) and rows[0]["wait_event"] == "RecoveryPause"


@fault("standby-down", kind="process", caught_by={"INF-PG-06": "in state streaming"})
class StandbyDown:
    """The standby is gone, and the service does not notice.

    Source: https://about.gitlab.com/blog/2017/02/10/postmortem-of-database-outage-of-january-31/ (the only standby was
    being rebuilt when the primary was lost)
    """

    def strike(self, destroy: Destroy) -> None:
        """Stop it."""
        destroy.platform.stop(STANDBY)

    def in_effect(self, observe: Observe) -> bool:
        """Find nobody listening at its address."""
        place = observe.profile.postgres
        door = place.standbys[STANDBY] if place else None
        return door is not None and observe.tcp.connect(door.address or door.host, door.port) == "refused"


@fault("standby-locked-out", kind="configuration", caught_by={"INF-PG-06": "in state streaming"}, takes_s=15.0)
class LockedOut:
    """A clean-up of roles took the right to sign in from the one that replicates: nobody notices before its session ends.

    Source: https://www.postgresql.org/docs/16/warm-standby.html#STREAMING-REPLICATION-AUTHENTICATION (the standby's role
    needs LOGIN and REPLICATION)
    """

    def strike(self, destroy: Destroy) -> None:
        """Take it, and end its session."""
        destroy.pg.alter_role(REPLICATOR, "NOLOGIN")
        destroy.platform.kill("postgres", child="walsender", signal="TERM")

    def in_effect(self, observe: Observe) -> bool:
        """Find no process that sends, and the role without the right."""
        sends = "select 1 from pg_stat_activity where backend_type = 'walsender'"
        may = "select 1 from pg_roles where rolname = %s and rolcanlogin"
        return not observe.pg.rows(sends) and not observe.pg.rows(may, (REPLICATOR,))


@fault(
    "standby-trusts-everybody",
    kind="configuration",
    caught_by={
        "INF-PG-02": "in cleartext at postgres-standby",
        "INF-PG-03": "is asked for SCRAM at postgres-standby",
        "INF-PG-08": "0.0.0.0/0 trust",
    },
    takes_s=20.0,
)
class TrustsEverybody:
    """The standby was copied in a hurry with a line that lets everybody in, which the primary's own file has not.

    Source: https://www.postgresql.org/docs/16/auth-trust.html (whoever can connect to the server is let in, under any name)
    """

    def strike(self, destroy: Destroy) -> None:
        """Restart it with the line."""
        destroy.platform.restart(STANDBY, {"hba": TRUST_HBA})

    def in_effect(self, observe: Observe) -> bool:
        """Sign in there as the migrating role, in cleartext and without a password."""
        return observe.pg.standby(STANDBY).attempt(user="migrator", sslmode="disable").ok


@fault(
    "standby-fsync-off", kind="configuration", caught_by={"INF-PG-05": "fsync is off at postgres-standby"}, takes_s=20.0
)
class StandbyWithoutFsync:
    """The standby was sped up by fsync off, which is its own affair: what it acknowledges as flushed is nowhere after a power cut.

    Source: https://www.postgresql.org/docs/16/runtime-config-wal.html#GUC-FSYNC
    """

    def strike(self, destroy: Destroy) -> None:
        """Restart it so."""
        destroy.platform.restart(STANDBY, {"fsync": "off"})

    def in_effect(self, observe: Observe) -> bool:
        """Ask a session there."""
        return bool(observe.pg.standby(STANDBY).rows("show fsync")[0]["fsync"] == "off")


@fault("standby-promoted", kind="process", caught_by={"INF-PG-06": "it is a primary"}, takes_s=20.0)
class StandbyPromoted:
    """The standby was promoted while the primary went on: two servers take writes.

    Source: https://github.blog/2018-10-30-oct21-post-incident-analysis/ (writes on both sides of a failover)
    """

    def strike(self, destroy: Destroy) -> None:
        """Promote it."""
        destroy.pg.promote(STANDBY)

    def in_effect(self, observe: Observe) -> bool:
        """Ask a session there whether it is one of a standby."""
        rows = observe.pg.standby(STANDBY).rows("show in_hot_standby")
        return bool(rows[0]["in_hot_standby"] == "off")


@fault("pg-follows-standby", kind="network", caught_by={"INF-PG-01": "pg_is_in_recovery() is true"}, takes_s=20.0)
class EndpointFollowsStandby:
    """The endpoint's address leads to the standby: a failover was begun and not ended.

    Source: https://www.postgresql.org/docs/16/libpq-connect.html#LIBPQ-CONNECT-TARGET-SESSION-ATTRS (a list of hosts can
    lead to a server that takes no writes)
    """

    def strike(self, destroy: Destroy) -> None:
        """Stop the primary while nobody acts on it, and have the standby listen at its address."""
        place = destroy.profile.postgres
        if place is None or place.address is None:
            raise ValueError("the profile gives no address for [postgres]")
        destroy.platform.maintenance()
        destroy.platform.stop("postgres")
        moved = {"listen_addresses": place.address, "port": place.port}
        destroy.platform.restart(STANDBY, moved, at_once=True)  # at its own address it does not become ready

    def in_effect(self, observe: Observe) -> bool:
        """Ask the server at the endpoint what it is."""
        return bool(observe.pg.rows("select pg_is_in_recovery() as standby")[0]["standby"])
