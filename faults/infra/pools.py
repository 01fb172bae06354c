"""What can go wrong with the sizes of connection pools, and with what is said when one is exhausted."""

from typing import ClassVar

from faults._code import PatchedRelease
from faults._pooler import pool_connections, pooler_setting
from seatrial import Destroy, Observe, fault
from seatrial.platform import Patch

INSTANCE, POOLER = "api-1", "pgbouncer"


@fault("service-pool-too-large", kind="configuration", caught_by={"INF-PG-04": "pools of api: 20"}, takes_s=30.0)
class ServicePoolTooLarge:
    """One instance was given a larger pool, as a cure for waiting: now it waits at the pooler, and takes the others' share.

    Source: https://www.pgbouncer.org/config.html#default_pool_size
    """

    def strike(self, destroy: Destroy) -> None:
        """Restart it with forty connections."""
        destroy.platform.restart(INSTANCE, {"DATABASE_POOL_SIZE": "40"})

    def in_effect(self, observe: Observe) -> bool:
        """Read how many connections it says that its pool holds."""
        return pool_connections(observe, INSTANCE) > 30


@fault(
    "pooler-beyond-the-server", kind="configuration", caught_by={"INF-PG-04": "sessions at the server"}, takes_s=30.0
)
class PoolerBeyondTheServer:
    """The pooler may open more connections than the server takes: the last ones are refused, whosever they are.

    Source: https://www.postgresql.org/docs/16/runtime-config-connection.html#GUC-MAX-CONNECTIONS
    """

    def strike(self, destroy: Destroy) -> None:
        """Restart it with larger pools and no limit of their sum."""
        destroy.platform.restart(POOLER, {"default_pool_size": "40", "max_db_connections": "0"})

    def in_effect(self, observe: Observe) -> bool:
        """Ask the pooler."""
        return pooler_setting(observe, "default_pool_size") == "40"


@fault("server-limit-lowered", kind="configuration", caught_by={"INF-PG-04": "sessions at the server"}, takes_s=40.0)
class ServerLimitLowered:
    """The server was made smaller, and the pools stayed as they were.

    Source: https://docs.digitalocean.com/products/databases/postgresql/details/limits/ (connections depend on the plan's memory)
    """

    def strike(self, destroy: Destroy) -> None:
        """Restart it with fewer connections."""
        destroy.platform.restart("postgres", {"max_connections": "45"})

    def in_effect(self, observe: Observe) -> bool:
        """Ask a session under way."""
        return bool(observe.pg.rows("show max_connections")[0]["max_connections"] == "45")


@fault(
    "pool-wait-without-end",
    kind="code",
    caught_by={"INF-PG-04": "an answer from an exhausted pool within"},
    takes_s=50.0,
)
class PoolWaitWithoutEnd(PatchedRelease):
    """Whoever finds the pool exhausted waits for a minute, nothing else bounds a request, and its own caller waits with it.

    Source: https://aws.amazon.com/builders-library/timeouts-retries-and-backoff-with-jitter/ (a client that waits holds what
    it needs for others; a time-out bounds that)
    """

    services = ("api",)
    patch: ClassVar = [
        Patch(file="system/common/database.py", find="        timeout=wait_s,\n", replace="        timeout=60.0,\n"),
        Patch(file="system/api/services.py", find="DATABASE_TIMEOUT_S = 4.0", replace="DATABASE_TIMEOUT_S = 60.0"),
    ]


@fault("exhausted-pool-is-500", kind="code", caught_by={"INF-PG-04": "503 from an exhausted pool"}, takes_s=40.0)
class ExhaustedIsInternal(PatchedRelease):
    """Nobody handles what the driver and its pool raise, so that it is answered as a bug: callers do not try again.

    Source: https://www.rfc-editor.org/rfc/rfc9110#section-15.6.4
    """

    services = ("api",)
    patch: ClassVar = [
        Patch(
            file="system/api/errors.py",
            find=".OperationalError,  # an exhausted pool is one, too\n",
            replace=".ProgrammingError,\n",
        )
    ]


@fault(
    "exhausted-pool-without-retry-after",
    kind="code",
    caught_by={"INF-PG-04": "Retry-After in whole seconds"},
    takes_s=40.0,
)
class NoRetryAfter(PatchedRelease):
    """The 503 does not say when to come back, so that every client comes back at once.

    Source: https://www.rfc-editor.org/rfc/rfc9110#section-10.2.3
    """

    services = ("api",)
    patch: ClassVar = [
        Patch(
            file="system/api/errors.py",
            find='    return problem(HTTPStatus.SERVICE_UNAVAILABLE, detail, headers={"Retry-After": "1"})\n',
            replace="    return problem(HTTPStatus.SERVICE_UNAVAILABLE, detail)\n",
        )
    ]
