"""What can open the private network to the public."""

from faults.security._ingress import PatchedIngress
from seatrial import Destroy, Observe, fault

ADMIN_PORT = 2019
ADMIN_ON_SOCKET = "admin unix/"
DEBUG_PORT = 6060
LAST_SITE = "http:// {\n"
METRICS_RULE = "\t@metrics path /metrics /metrics/*\n\trespond @metrics 404\n"


@fault(
    "net-postgres-everywhere",
    kind="network",
    caught_by={"INF-NET-01": "postgres closed at the public address", "INF-NET-02": "(postgres)"},
)
class PostgresEverywhere:
    """PostgreSQL listens on every interface, as its images do by default.

    Source: https://www.shadowserver.org/what-we-do/network-reporting/accessible-postgresql-server-report/
    """

    def strike(self, destroy: Destroy) -> None:
        """Restart it so."""
        destroy.platform.restart("postgres", {"listen_addresses": "*"})

    def in_effect(self, observe: Observe) -> bool:
        """Connect at the public address."""
        place = observe.profile.postgres
        address = str(observe.target("public_address"))
        return place is not None and observe.tcp.connect(address, place.port) == "open"


@fault(
    "net-redis-public",
    kind="configuration",
    caught_by={"INF-NET-01": "redis closed at the public address", "INF-NET-02": "(redis)"},
)
class RedisPublic:
    """Redis was bound to the public address too, for a tool that could not reach the private one.

    Source: https://redis.io/docs/latest/operate/oss_and_stack/management/security/ (section "Network security")
    """

    def strike(self, destroy: Destroy) -> None:
        """Bind it."""
        bound = destroy.redis.config("bind")["bind"]
        destroy.redis.config_set("bind", f"{bound} {destroy.target('public_address')}")

    def in_effect(self, observe: Observe) -> bool:
        """Connect at the public address."""
        place = observe.profile.redis
        address = str(observe.target("public_address"))
        return place is not None and observe.tcp.connect(address, place.port) == "open"


@fault(
    "net-metrics-public",
    kind="configuration",
    caught_by={"INF-NET-01": "no success for /metrics in public", "DEP-API-01": "404 for /metrics"},
)
class MetricsPublic(PatchedIngress):
    """The ingress lost the rule that keeps /metrics inside.

    Source: https://jfrog.com/blog/dont-let-prometheus-steal-your-fire (what open metrics give away)
    """

    def edits(self, _loaded: str) -> list[tuple[str, str]]:
        """Leave the rule out."""
        return [(METRICS_RULE, "")]

    def shows(self, observe: Observe) -> bool:
        """Be given metrics."""
        answer = observe.http.get("api:/metrics")
        return answer.status == 200 and "# TYPE" in answer.text


@fault("net-admin-public", kind="configuration", caught_by={"INF-NET-01": "Caddy admin closed at the public address"})
class AdminPublic:
    """The ingress' admin interface listens on TCP, as Caddy's does by default, and takes a new configuration from anybody.

    Source: https://caddyserver.com/docs/api
    """

    def strike(self, destroy: Destroy) -> None:
        """Restart it with the admin interface at the public address."""
        address = destroy.target("public_address")
        patch = {"find": ADMIN_ON_SOCKET, "replace": f"admin {address}:{ADMIN_PORT} # "}
        destroy.platform.restart("ingress", {"patch": [patch]})

    def in_effect(self, observe: Observe) -> bool:
        """Read the running configuration through it."""
        answer = observe.http.get(f"http://{observe.target('public_address')}:{ADMIN_PORT}/config/")
        return answer.status == 200 and "apps" in answer.text


@fault("net-debug-port", kind="configuration", caught_by={"INF-NET-02": f"also open: {DEBUG_PORT} (ingress)"})
class DebugPort:
    """A page for debugging was opened on a port of its own, and nobody closed it.

    Source: https://cwe.mitre.org/data/definitions/489.html (active debug code)
    """

    def strike(self, destroy: Destroy) -> None:
        """Restart the ingress with one more site."""
        site = f'http://:{DEBUG_PORT} {{\n\trespond "debug"\n}}\n\n{LAST_SITE}'
        destroy.platform.restart("ingress", {"patch": [{"find": LAST_SITE, "replace": site}]})

    def in_effect(self, observe: Observe) -> bool:
        """Read the page."""
        answer = observe.http.get(f"http://{observe.target('public_address')}:{DEBUG_PORT}/")
        return answer.status == 200 and answer.text == "debug"
