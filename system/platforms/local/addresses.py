"""Who listens where: private addresses per part, one public address, ports as offsets from a base port."""

from dataclasses import dataclass
from pathlib import Path

PUBLIC_ADDRESS = "127.0.0.1"
DEFAULT_BASE_PORT = 18000
DOMAIN = "seatrial.localhost"

_OFFSETS: dict[str, tuple[str, int]] = {
    "https": (PUBLIC_ADDRESS, 443),
    "http": (PUBLIC_ADDRESS, 80),
    "postgres": ("127.77.0.10", 1),
    "postgres-standby": ("127.77.0.11", 9),
    "dns": ("127.77.0.80", 53),
    "pgbouncer": ("127.77.0.12", 8),
    "backups": ("127.77.0.13", 7),
    "autoscaler": ("127.77.0.14", 10),
    "postgres-manager": ("127.77.0.10", 15),
    "postgres-standby-manager": ("127.77.0.11", 16),
    "postgres-vote": ("127.77.0.10", 17),
    "postgres-standby-vote": ("127.77.0.11", 18),
    "arbiter": ("127.77.0.15", 19),
    "redis": ("127.77.0.20", 2),
    "redis-replica": ("127.77.0.21", 25),
    "sentinel-1": ("127.77.0.22", 26),
    "sentinel-2": ("127.77.0.23", 27),
    "sentinel-3": ("127.77.0.24", 28),
    "s3": ("127.77.0.30", 3),
    "s3-master": ("127.77.0.30", 4),
    "s3-volume": ("127.77.0.30", 5),
    "s3-filer": ("127.77.0.30", 6),
    "api-1": ("127.77.0.41", 11),
    "api-2": ("127.77.0.42", 12),
    "api-3": ("127.77.0.43", 13),
    "api-4": ("127.77.0.44", 14),
    "edge-1": ("127.77.0.51", 21),
    "edge-2": ("127.77.0.52", 22),
    "edge-3": ("127.77.0.53", 23),
    "edge-4": ("127.77.0.54", 24),
    "frontend-1": ("127.77.0.61", 31),
    "frontend-2": ("127.77.0.62", 32),
    "frontend-3": ("127.77.0.63", 33),
    "worker-1": ("127.77.0.71", 41),
    "worker-2": ("127.77.0.72", 42),
    "worker-3": ("127.77.0.73", 43),
    "prometheus": ("127.77.0.90", 61),
    "alertmanager": ("127.77.0.91", 62),
    "exporter": ("127.77.0.92", 63),
    "pager": ("127.77.0.93", 64),
    "pager-mail": ("127.77.0.93", 65),
    "traces": ("127.77.0.94", 66),
}
_WEED = ("s3", "s3-master", "s3-volume", "s3-filer")
_WEED_GRPC_OFFSET = 10000
_SCRATCH_FIRST, _SCRATCH_LAST = 101, 180
MAX_BASE_PORT = 65535 - _WEED_GRPC_OFFSET - 6
# The PostgreSQL cluster; the first one is the primary as shipped.
MEMBERS = ("postgres", "postgres-standby")
INSTANCES = ("api-1", "api-2", "edge-1", "edge-2", "frontend-1", "worker-1")
# Where instances of a service may run; the last one is kept free for a new release to be tried in.
SLOTS = {
    service: tuple(name for name in _OFFSETS if name.startswith(f"{service}-"))
    for service in ("api", "edge", "frontend", "worker")
}


@dataclass(frozen=True)
class Endpoint:
    """One listening socket.

    Attributes:
        address: IPv4 address in 127.0.0.0/8.
        port: TCP port.
    """

    address: str
    port: int

    def __str__(self) -> str:
        return f"{self.address}:{self.port}"


@dataclass(frozen=True)
class Addresses:
    """Every endpoint of one instance of the system.

    Attributes:
        base_port: the port that all offsets are added to.
    """

    base_port: int

    def endpoint(self, name: str) -> Endpoint:
        """Give the endpoint of a part (`postgres`, `api-1`, `https`, `s3-filer`, ...)."""
        address, offset = _OFFSETS[name]
        return Endpoint(address, self.base_port + offset)

    def scratch(self, index: int) -> Endpoint:
        """Give the endpoint of the scratch server number `index`, from 0."""
        return Endpoint(_OFFSETS["postgres"][0], self.base_port + _SCRATCH_FIRST + index)

    @property
    def scratch_places(self) -> int:
        """How many scratch servers fit."""
        return _SCRATCH_LAST - _SCRATCH_FIRST + 1

    def host(self, name: str) -> str:
        """Give a public host name: `app`, `api`, `play` or `s3`."""
        return f"{name}.{DOMAIN}"

    def origin(self, name: str) -> str:
        """Give a public origin: https, host and port."""
        return f"https://{self.host(name)}:{self.endpoint('https').port}"

    def declared(self) -> dict[str, list[Endpoint]]:
        """List what each part listens on, by part name; nothing else may listen."""
        parts = {"ingress": [self.endpoint("https"), self.endpoint("http")]}
        redis = ("redis", "redis-replica", "sentinel-1", "sentinel-2", "sentinel-3")
        watching = ("prometheus", "alertmanager", "exporter", "traces")
        for name in ("pgbouncer", "arbiter", "backups", "autoscaler", *redis, "dns", *watching):
            parts[name] = [self.endpoint(name)]
        parts["pager"] = [self.endpoint(name) for name in ("pager", "pager-mail")]
        for name in MEMBERS:
            parts[name] = [self.endpoint(each) for each in (name, f"{name}-manager", f"{name}-vote")]
        parts |= {name: [self.endpoint(name)] for slots in SLOTS.values() for name in slots}
        s3 = [self.endpoint(name) for name in _WEED]
        parts["s3"] = [*s3, *(Endpoint(each.address, each.port + _WEED_GRPC_OFFSET) for each in s3)]
        return parts

    def weed_sockets(self) -> list[Path]:
        """List the unix sockets that SeaweedFS makes under /tmp, whatever it is told, and does not remove."""
        roles = {"s3": "s3", "s3-master": "master", "s3-volume": "volume", "s3-filer": "filer"}
        return [
            Path(f"/tmp/seaweedfs-{role}-grpc-{self.endpoint(name).port + _WEED_GRPC_OFFSET}.sock")  # noqa: S108
            for name, role in roles.items()
        ]

    def withheld(self) -> list[Endpoint]:
        """List the ports of the public address that SeaweedFS takes beside its own, unless they are taken already."""
        ports = [self.endpoint(name).port for name in _WEED]
        return [Endpoint(PUBLIC_ADDRESS, port + offset) for port in ports for offset in (0, _WEED_GRPC_OFFSET)]
