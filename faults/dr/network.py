"""Waits without end, pools too small for a distance, and who gives up: what a bad network makes of a small mistake."""

from typing import ClassVar

from faults._code import PatchedRelease
from faults._pooler import pool_connections
from faults.security._ingress import PatchedIngress
from seatrial import Destroy, Observe, fault
from seatrial.platform import Patch

DATABASE = "system/common/database.py"
NEVER_S = "3600.0"


@fault(
    "database-without-timeout",
    kind="code",
    caught_by={"DR-NET-01": "database and one edge cut off: list past the balancer each answer within"},
    takes_s=30.0,
)
class DatabaseWithoutTimeout(PatchedRelease):
    """The API believes that a database which is silent will answer in the end: nothing bounds the wait for it.

    Source: https://www.postgresql.org/docs/16/libpq-connect.html (tcp_user_timeout: by default the operating system decides how
    long transmitted data may remain unacknowledged, which is a quarter of an hour on Linux)
    """

    services = ("api",)
    patch: ClassVar = [
        Patch(
            file="system/api/services.py", find="DATABASE_TIMEOUT_S = 4.0", replace=f"DATABASE_TIMEOUT_S = {NEVER_S}"
        ),
        Patch(file=DATABASE, find="CHECK_S = 0.8", replace=f"CHECK_S = {NEVER_S}"),
        Patch(file=DATABASE, find='"tcp_user_timeout": 5000,', replace='"tcp_user_timeout": 0,'),
    ]


@fault(
    "pages-without-timeout",
    kind="code",
    caught_by={"DR-NET-01": "Redis and one API cut off: page each"},
    takes_s=30.0,
)
class PagesWithoutTimeout(PatchedRelease):
    """The frontend waits for the API instance that it has asked first, however long that says nothing, and asks no other.

    Source: https://www.python-httpx.org/advanced/timeouts/ (timeout=None disables what is otherwise on by default)
    """

    services = ("frontend",)
    patch: ClassVar = [
        Patch(
            file="system/frontend/api.py",
            find="TIMEOUT = httpx2.Timeout(5.0, connect=1.0, pool=2.0)",
            replace="TIMEOUT = httpx2.Timeout(None, connect=1.0, pool=2.0)",
        )
    ]


@fault(
    "ingress-without-timeout",
    kind="configuration",
    caught_by={"DR-NET-01": "Redis and one API cut off: list each answer within"},
)
class IngressWithoutTimeout(PatchedIngress):
    """The balancer takes a silent instance out, and lets those who were sent there before wait until it speaks again.

    Source: https://caddyserver.com/docs/caddyfile/directives/reverse_proxy#the-http-transport (response_header_timeout: no timeout
    by default)
    """

    def edits(self, loaded: str) -> list[tuple[str, str]]:  # noqa: ARG002 - one place, whatever is loaded
        """Let the API think for as long as it likes."""
        return [("import upstream 7s", "import upstream 0")]


@fault(
    "distance-exhausts-the-pool",
    kind="configuration",
    caught_by={"DR-NET-01": "data far away: list each call served"},
    takes_s=30.0,
)
class DistanceExhaustsThePool:
    """Each API instance has a single connection for its callers: enough beside the database, and far too few at a distance.

    Source: J. D. C. Little, "A Proof for the Queuing Formula: L = lambda W", Operations Research 9(3), 1961: the connections in
    use are the requests of a second times the seconds that each one holds a connection.
    """

    def strike(self, destroy: Destroy) -> None:
        """Roll the setting out."""
        destroy.platform.deploy(settings={"api": {"DATABASE_POOL_SIZE": "2"}}, at_once=True)

    def in_effect(self, observe: Observe) -> bool:
        """Read how many connections each says that its pool holds, beside the one that listens."""
        names = observe.profile.services["api"].instances
        return bool(names) and all(pool_connections(observe, name) == 1 for name in names)


@fault(
    "worker-never-tries-again",
    kind="code",
    caught_by={"DR-NET-01": "what was uploaded meanwhile"},
    takes_s=30.0,
)
class WorkerNeverTriesAgain(PatchedRelease):
    """A worker that has met one error of the network takes no job any more; its probes say that all is well.

    Source: https://sre.google/sre-book/addressing-cascading-failures/ (a service must come back without help once what it
    depends on is back)
    """

    services = ("worker",)
    patch: ClassVar = [
        Patch(
            file="system/worker/consumer.py",
            find="                await backoff.wait()\n",
            replace="                await draining.wait()\n",
        )
    ]
