"""The network: what is private stays private."""

from collections.abc import Iterable
from urllib.parse import urlsplit

from seatrial import BLOCKER, Failure, Invalid, Observe, check, eventually, require
from seatrial.platform import Listeners
from suites.client import instances
from suites.infra._ports import Private, is_foreign, is_ours, parts_at, ports_of, private_ports

# Where control planes and stores listen by default; one that is open in public and ours is a finding.
WELL_KNOWN = {
    2019: "Caddy admin",
    2375: "Docker",
    5432: "PostgreSQL",
    6379: "Redis",
    6432: "PgBouncer",
    8008: "Patroni",
    8333: "SeaweedFS S3",
    8888: "SeaweedFS filer",
    9090: "Prometheus",
    9093: "Alertmanager",
    9333: "SeaweedFS master",
    26379: "Sentinel",
}
# The check of the public address' other ports; where it does not apply, they are not ours.
ONLY_DECLARED = "INF-NET-02"
METRICS = (
    "/metrics",
    "/metrics/",
    "/metrics?name[]=up",
    "//metrics",
    "/./metrics",
    "/x/../metrics",
    "/%6Detrics",
    "/METRICS",
    "/metrics%2F",
    "/metrics;x",
)
PASSING_S = 15.0  # the server of somebody's test, or of a tool, is seldom there for longer
DEFAULT_PORTS = {"https": 443, "http": 80}
# Paths of SeaweedFS' master, volume server and filer, and of Caddy's and Go's own.
SIDE_DOORS = (
    "/dir/status",
    "/dir/lookup?volumeId=1",
    "/cluster/status",
    "/vol/status",
    "/buckets/",
    "/topics/.system/log/",
    "/ui/index.html",
    "/config/",
    "/pki/ca/local",
    "/reverse_proxy/upstreams",
    "/debug/pprof/",
    "/debug/vars",
)


@check("INF-NET-01", severity=BLOCKER, component="network")
def test_nothing_private_answers_in_public(observe: Observe) -> None:
    """No database, queue, store's side door, metrics or control plane answers at the public address; inside, each does.

    Why it matters: open databases and Redis servers are found by scanners within hours, metrics name customers and
    versions, and the object store's side doors delete what S3 has locked.

    How it is measured: outside, a TCP connection to every private port at every public address must not open, the ports
    that control planes have by default included; inside, each private port must answer at its own address, so that
    closed outside does not merely mean down. Through the public hosts no spelling of /metrics may give metrics, no side
    door may answer with success, and naming a private address as Host must reach nothing. At the private addresses
    /metrics must answer, which shows that there is something to hide. A listener that the platform saw before its start,
    whose process it may not see, or whose process is none of its own and listens at every address, is left out and kept as
    evidence, and so is what is none of its own and closed again within a quarter of a minute. Where the profile declares INF-NET-02
    inapplicable the public address is shared with others: what is open there is not ours, and no port is tried.

    Not covered: ports that nobody would expect (INF-NET-02); where the harness runs on the same machine, a firewall
    between two machines: then binding is what is proven.
    """
    public = {str(observe.target("public_address")), *observe.profile.resolve.values()}
    ports = private_ports(observe, public)
    if len(ports) < 3:
        raise Invalid(f"only {len(ports)} private ports are known, so nothing can be said: {ports}")
    shared = observe.profile.expect.not_applicable.get(ONLY_DECLARED)
    outside = set[str]() if shared else public
    wanted = {private.port: private.name for private in ports} | WELL_KNOWN  # servers may share a port
    open_at = {address: [port for port in wanted if _is_open(observe, address, port)] for address in outside}
    known = observe.platform.listeners() if observe.platform.offers("listeners") else None
    foreign: list[str] = []
    with observe.cases(at_least=len(ports) + len(outside) * len(wanted)) as cases:
        for private in ports:
            with cases(f"{private.name} inside"):
                seen = observe.tcp.connect(private.address, private.port)
                require(seen == "open", f"{private.name} answers inside at its own address", seen, private.name)
        for address in sorted(outside):
            for port, name in sorted(wanted.items()):
                with cases(f"{name} outside, {address}:{port}"):
                    is_open = port in open_at[address]
                    if is_open and not _is_finding(observe, known, address, port):
                        foreign.append(f"{address}:{port}")
                        continue
                    closed = f"{name} closed at the public address {address}:{port}"
                    told = f"open at the public address: {address}:{port} {parts_at(known, address, port)}".strip()
                    require(not is_open, closed, told, name)
    observe.evidence("ports", {"private": [f"{each.name} {each.address}:{each.port}" for each in ports]})
    observe.evidence("not the system's", foreign)
    if shared:
        observe.evidence("no port tried outside", shared)
    _require_no_side_door(observe, ports)


def _require_no_side_door(observe: Observe, ports: Iterable[Private]) -> None:
    hosts = [name for name in observe.profile.urls if name != "redirect"]
    inside = instances(observe)
    with observe.cases(at_least=len(hosts) * (len(METRICS) + len(SIDE_DOORS)) + len(inside)) as cases:
        for instance in inside:
            if instance.via is None:
                continue
            with cases(f"metrics of {instance.name} inside"):
                answer = observe.http.get("api:/metrics", via=instance.via)
                metrics = answer.status == 200 and "# TYPE" in answer.text
                require(metrics, "metrics at the private address", str(answer), instance.name)
        for name in observe.profile.urls:
            for path in (*METRICS, *SIDE_DOORS):
                with cases(f"{name}:{path} outside"):
                    _require_nothing(observe, f"{name}:/", path)
        for private in ports:
            with cases(f"Host {private.address}:{private.port}"):
                for name in observe.profile.urls:
                    _require_nothing(observe, f"{name}:/", "/metrics", f"{private.address}:{private.port}")


def _require_nothing(observe: Observe, base: str, path: str, host: str | None = None) -> None:
    url = observe.http.url(base).rstrip("/") + path
    answer = observe.http.get(url, headers={"Host": host} if host else None)
    require(answer.status is not None, "an answer of the public host", str(answer), "ingress")
    open_door = 200 <= (answer.status or 0) < 300 or "# TYPE" in answer.text or "# HELP" in answer.text
    require(not open_door, f"no success for {path} in public", f"{answer}: {answer.text[:120]!r}", "ingress")


@check("INF-NET-02", severity=BLOCKER, component="network")
def test_only_declared_ports_are_open_in_public(observe: Observe) -> None:
    """The public address has the declared ports open, and no other.

    Why it matters: a debugger, a profiler or an admin page that somebody opened for an afternoon is nobody's service: it
    has no TLS, no sign-in and no owner, and is found by scanners before its owner remembers it.

    How it is measured: the declared ports are those of the profile's [urls]; each must be open. At every public address a TCP
    connection is tried to each port of targets.public_scan_ports; none but the declared may open and open again afterwards,
    since a connection within one machine may meet itself. A listener that the platform saw before its start, whose process
    it may not see, or whose process is none of its own and listens at every address, is left out and kept as evidence; one
    that was opened at the public address since, and stays open for a quarter of a minute, is a finding, whoever opened it.

    Not covered: UDP; ports outside targets.public_scan_ports; a port that opens only for a while, or for some addresses.
    """
    addresses = sorted({str(observe.target("public_address")), *observe.profile.resolve.values()})
    tried = ports_of(str(observe.target("public_scan_ports")))
    declared = {
        parts.port or DEFAULT_PORTS[parts.scheme] for parts in (urlsplit(url) for url in observe.profile.urls.values())
    }
    if not declared:
        raise Invalid("the profile has no [urls], so no port is declared")
    seen_at = {address: [port for port in tried if _is_open(observe, address, port)] for address in addresses}
    # Asked between two attempts, so that what was open before and after is in the list.
    known = observe.platform.listeners() if observe.platform.offers("listeners") else None
    open_at = {
        address: [port for port in seen_at[address] if _is_open(observe, address, port)] for address in addresses
    }
    foreign: list[str] = []
    with observe.cases(at_least=len(addresses) * (len(declared) + 1)) as cases:
        for address in addresses:
            for port in sorted(declared):
                with cases(f"declared port {address}:{port}"):
                    seen = observe.tcp.connect(address, port)
                    require(seen == "open", f"the declared port {port} open at {address}", seen, "ingress")
            with cases(f"other ports of {address}"):
                others = [port for port in open_at[address] if port not in declared]
                found = [port for port in others if _is_finding(observe, known, address, port)]
                foreign += [f"{address}:{port}" for port in others if port not in found]
                strange = [f"{port} {parts_at(known, address, port)}".strip() for port in found]
                expected = f"only the declared ports {sorted(declared)} open at {address}"
                require(not strange, expected, f"also open: {', '.join(strange)}")
    observe.evidence("open", {address: len(found) for address, found in open_at.items()} | {"tried": len(tried)})
    observe.evidence("not the system's", foreign)


def _is_finding(observe: Observe, known: Listeners | None, address: str, port: int) -> bool:
    """Say whether a part has opened the port, or somebody else at this very address, where it stays open."""
    if not known or is_ours(known, address, port):
        return True
    return not is_foreign(known, address, port) and _stays(observe, address, port)


def _stays(observe: Observe, address: str, port: int) -> bool:
    def closed() -> bool:
        return not _is_open(observe, address, port)

    try:
        return not eventually(closed, within_s=PASSING_S, every_s=0.5, what=f"{address}:{port} closed again")
    except Failure:
        return True


def _is_open(observe: Observe, address: str, port: int) -> bool:
    return observe.tcp.connect(address, port) == "open"
