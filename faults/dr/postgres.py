"""What keeps a database from surviving the loss of a server, or its clients from noticing where it is now."""

from typing import Any, ClassVar

from faults._code import PatchedRelease
from seatrial import Destroy, Observe, fault
from seatrial.platform import Patch

PRIMARY, STANDBY, POOLER = "postgres", "postgres-standby", "pgbouncer"
REPLICATOR = "replicator"
NO_SERVICE_HBA = "hostssl seatrial api,worker 127.0.0.1/32 reject\n"


def _own_word(observe: Observe, member: str) -> dict[str, Any]:
    """Ask a member's own failover manager at its door, past the platform; nothing while it does not answer."""
    place = observe.profile.postgres
    servers = {place.port, *(each.port for each in place.standbys.values())} if place else set()
    doors = [each for each in observe.platform.listeners().now if each.part == member and each.port not in servers]
    answers = (observe.http.get(f"https://{each.address}:{each.port}/patroni", timeout_s=2.0) for each in doors)
    return next((dict(answer.json()) for answer in answers if answer.status == 200), {})


@fault(
    "failover-in-maintenance",
    kind="configuration",
    caught_by={"DR-PG-01": "not reached: another server holds the lock", "INF-PG-10": "maintenance is on"},
    takes_s=150.0,
)
class FailoverInMaintenance:
    """Maintenance was begun for an update and not ended: the failover manager looks on.

    Source: https://patroni.readthedocs.io/en/latest/pause.html (pause: Patroni does not fail over automatically)
    """

    def strike(self, destroy: Destroy) -> None:
        """Begin it."""
        destroy.platform.maintenance()

    def in_effect(self, observe: Observe) -> bool:
        """Have both members' managers say so themselves."""
        return all(_own_word(observe, name).get("pause") for name in (PRIMARY, STANDBY))


@fault(
    "standby-not-to-fail-over-to",
    kind="configuration",
    caught_by={"DR-PG-01": "not reached: another server holds the lock", "INF-PG-10": "not to be promoted"},
    takes_s=150.0,
)
class NotToFailOverTo:
    """The only standby is marked as one that must not be promoted, as for a reporting server.

    Source: https://patroni.readthedocs.io/en/latest/yaml_configuration.html#tags (nofailover)
    """

    def strike(self, destroy: Destroy) -> None:
        """Restart it with the mark."""
        destroy.platform.restart(STANDBY, {"nofailover": "true"})

    def in_effect(self, observe: Observe) -> bool:
        """Have its own manager say that it has the mark; the others must have heard of it by then."""
        known = observe.platform.cluster().members.get(STANDBY)
        own = _own_word(observe, STANDBY).get("tags", {})
        return bool(own.get("nofailover")) and known is not None and known.nofailover


@fault(
    "pooler-keeps-to-one-server",
    kind="network",
    caught_by={
        "DR-PG-01": "not reached: the pooler is pointed at it",
        "DR-PG-02": "not reached: the pooler is pointed at it",
    },
    takes_s=240.0,
)
class PoolerKeepsToOneServer:
    """The pooler has the first server's address for good, and clients meet a server that is gone, or takes no writes.

    Source: https://www.pgbouncer.org/config.html (a database's host; PgBouncer does not ask who is the primary)
    """

    def strike(self, destroy: Destroy) -> None:
        """Restart it with the address of now."""
        place = destroy.profile.postgres
        if place is None:
            raise ValueError("the profile names no [postgres]")
        destroy.platform.restart(POOLER, {"server": f"{place.address or place.host}:{place.port}"})

    def in_effect(self, observe: Observe) -> bool:
        """Find the address among its overrides, and where it connects to, as it says itself."""
        place = observe.profile.postgres
        if place is None or "server" not in observe.platform.status().part(POOLER).settings:
            return False
        leads = [
            f"{row['host']}:{row['port']}" for row in observe.pg.show("DATABASES") if row["name"] == place.database
        ]
        return leads == [f"{place.address or place.host}:{place.port}"]


@fault(
    "standby-lets-no-service-in",
    kind="configuration",
    caught_by={"DR-PG-01": "not reached: a write is acknowledged again", "DR-PG-02": "not reached: a write is"},
    takes_s=240.0,
)
class StandbyLetsNoServiceIn:
    """The standby's own list of who may connect was forgotten when the primary's was changed: it is not replicated.

    Source: https://www.postgresql.org/docs/16/auth-pg-hba-conf.html (a file of each server, read by that server alone)
    """

    def strike(self, destroy: Destroy) -> None:
        """Restart it with a line against the services' roles."""
        destroy.platform.restart(STANDBY, {"hba": NO_SERVICE_HBA})

    def in_effect(self, observe: Observe) -> bool:
        """Be rejected there, and not asked for a password."""
        answer = observe.pg.standby(STANDBY).attempt(user="api")
        return "rejects" in (answer.error or "")


@fault(
    "replicator-may-not-sign-in",
    kind="configuration",
    caught_by={"DR-PG-05": "not reached: the new standby answers"},
    takes_s=240.0,
)
class ReplicatorMayNotSignIn:
    """The role that copies lost its right to sign in: a standby that streams goes on, a new one cannot begin.

    Source: https://www.postgresql.org/docs/16/app-pgbasebackup.html (the role needs REPLICATION and must be let in)
    """

    def strike(self, destroy: Destroy) -> None:
        """Take it."""
        destroy.pg.alter_role(REPLICATOR, "NOLOGIN")

    def in_effect(self, observe: Observe) -> bool:
        """Find it in the older view of roles, which lists those that may sign in."""
        return not observe.pg.rows("select 1 from pg_user where usename = %s", (REPLICATOR,))


@fault(
    "one-sender",
    kind="configuration",
    caught_by={"DR-PG-05": "not reached: the new standby answers"},
    takes_s=240.0,
)
class OneSender:
    """The primary may have one sender of its log, which is enough for the standby that it has; a copy takes two.

    Source: https://www.postgresql.org/docs/16/app-pgbasebackup.html (-X stream: max_wal_senders must be high enough for two)
    """

    def strike(self, destroy: Destroy) -> None:
        """Restart it with one."""
        destroy.platform.restart(PRIMARY, {"max_wal_senders": "1"})

    def in_effect(self, observe: Observe) -> bool:
        """Ask a session under way."""
        return bool(observe.pg.rows("show max_wal_senders")[0]["max_wal_senders"] == "1")


@fault("claims-for-ever", kind="code", caught_by={"DR-PG-01": "whose claim has run out"}, takes_s=150.0)
class ClaimsForEver(PatchedRelease):
    """A claim is given back or lasts for ever: an asset whose request was cut off from the database can never be deleted again.

    Source: C. Gray and D. Cheriton, "Leases: An Efficient Fault-Tolerant Mechanism for Distributed File Cache Consistency",
    SOSP 1989 (what a holder that failed has locked must come free with time)
    """

    services = ("api",)
    patch: ClassVar = [
        Patch(
            file="system/api/claims.py",
            find="(claim_until is null or claim_until < now())",
            replace="claim_until is null",
        )
    ]
