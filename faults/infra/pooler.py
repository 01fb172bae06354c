"""What can go wrong between the services and their pooler."""

from typing import ClassVar

from faults._code import PatchedRelease
from faults._pooler import pooler_setting
from seatrial import Destroy, Observe, fault
from seatrial.platform import Patch

POOLER, INSTANCE = "pgbouncer", "api-1"


@fault("pooler-session-mode", kind="configuration", caught_by={"INF-PG-09": "session mode"}, takes_s=20.0)
class SessionMode:
    """The pooler lends a connection for as long as its client stays, so that it saves none.

    It is PgBouncer's default.
    Source: https://www.pgbouncer.org/config.html#pool_mode
    """

    def strike(self, destroy: Destroy) -> None:
        """Restart it in that mode."""
        destroy.platform.restart(POOLER, {"pool_mode": "session"})

    def in_effect(self, observe: Observe) -> bool:
        """Ask the pooler."""
        return pooler_setting(observe, "pool_mode") == "session"


@fault("pooler-takes-cleartext", kind="configuration", caught_by={"INF-PG-02": "at the pooler"}, takes_s=20.0)
class TakesCleartext:
    """The pooler speaks TLS with whoever asks for it, and passwords and rows of all others cross the network as they are.

    Source: https://www.pgbouncer.org/config.html#client_tls_sslmode (allow: if a client does not request TLS, plain TCP is used)
    """

    def strike(self, destroy: Destroy) -> None:
        """Restart it so."""
        destroy.platform.restart(POOLER, {"client_tls_sslmode": "allow"})

    def in_effect(self, observe: Observe) -> bool:
        """Be asked for the password in cleartext."""
        answer = observe.pg.attempt(user="api", sslmode="disable", pooled=True)
        return "no password supplied" in (answer.error or "")


@fault("service-past-the-pooler", kind="configuration", caught_by={"INF-PG-09": "past it: api-1"}, takes_s=30.0)
class PastThePooler:
    """One instance was given the server's own address, left over from before there was a pooler.

    Source: https://www.postgresql.org/docs/16/runtime-config-connection.html#GUC-MAX-CONNECTIONS (each connection costs the
    server a process, and their number is fixed)
    """

    def strike(self, destroy: Destroy) -> None:
        """Restart it with that address."""
        place = destroy.profile.postgres
        if place is None or place.pooler is None:
            raise ValueError("the profile names no [postgres.pooler]")
        url = destroy.platform.config()[INSTANCE]["DATABASE_URL"]
        pooler, server = (f"{each.address or each.host}:{each.port}" for each in (place.pooler, place))
        destroy.platform.restart(INSTANCE, {"DATABASE_URL": url.replace(pooler, server)})

    def in_effect(self, observe: Observe) -> bool:
        """Find sessions of its at the server, none of them the pooler's."""
        own = "select pid from pg_stat_activity where application_name = %s"
        pids = {row["pid"] for row in observe.pg.rows(own, (INSTANCE,))}
        return bool(pids) and not pids & {int(row["remote_pid"]) for row in observe.pg.show("SERVERS")}


@fault("migrations-through-the-pooler", kind="process", caught_by={"INF-PG-09": "also of migrator"}, takes_s=20.0)
class MigrationsPooled:
    """The migration runner was given the pooler's address, and the pooler lets its role in.

    Session-level advisory locks are not supported in transaction mode, so that two runners can both believe to be alone.
    Source: https://www.pgbouncer.org/features.html (SQL feature map for pooling modes)
    """

    def strike(self, destroy: Destroy) -> None:
        """Let the role in, and run the migrations so; at head they change nothing."""
        destroy.platform.restart(POOLER, {"users": "api,worker,migrator"})
        destroy.platform.migrate_through(POOLER)

    def in_effect(self, observe: Observe) -> bool:
        """Find the session that the pooler keeps for it."""
        return bool(observe.pg.rows("select 1 from pg_stat_activity where usename = 'migrator'"))


@fault("listen-through-the-pooler", kind="code", caught_by={"INF-PG-09": "api: listen assets"}, takes_s=40.0)
class ListenPooled(PatchedRelease):
    """The API listens for notifications on pooled connections: they come to whoever holds the session then.

    Source: https://www.pgbouncer.org/features.html (LISTEN is not supported in transaction mode)
    """

    def strike(self, destroy: Destroy) -> None:
        """Restart the pooler, whose own undo comes last and so ends the sessions that still listen; then deploy."""
        destroy.platform.restart(POOLER, {"server_lifetime": "900"})
        super().strike(destroy)

    services = ("api",)
    patch: ClassVar = [
        Patch(
            file="system/api/services.py",
            find="            yield connection\n\n",
            replace='            yield connection\n            await connection.execute("listen assets")\n\n',
        )
    ]
