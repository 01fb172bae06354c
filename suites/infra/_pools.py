"""How many connections the services, their pooler and the server are set up for."""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Pool:
    """The connections of one service instance: whose they are, how many at most, and whether they go to the pooler."""

    instance: str
    role: str
    size: int
    pooled: bool


@dataclass(frozen=True)
class Limits:
    """What the pooler and the server take.

    Attributes:
        clients: connections that the pooler takes.
        per_role: connections that the pooler opens for one role.
        opened: connections that the pooler opens for all roles together.
        server: connections that the server takes from roles that are no superuser.
    """

    clients: int
    per_role: int
    opened: int
    server: int

    @classmethod
    def read(cls, pooler: Mapping[str, str], server: Mapping[str, str]) -> "Limits":
        """Take them from PgBouncer's SHOW CONFIG and from pg_settings; to PgBouncer 0 means without limit.

        `reserve_pool_size` comes on top for each role; `max_db_connections` bounds the sum of both.
        """
        per_role = int(pooler["default_pool_size"]) + int(pooler["reserve_pool_size"])
        reserved = ("superuser_reserved_connections", "reserved_connections")
        return cls(
            clients=int(pooler["max_client_conn"]),
            per_role=per_role,
            opened=int(pooler["max_db_connections"]),
            server=int(server["max_connections"]) - sum(int(server.get(name, 0)) for name in reserved),
        )

    def opens(self, pools: list[Pool]) -> int:
        """Return how many connections the pooler opens at most for these pools."""
        roles = {pool.role for pool in pools if pool.pooled}
        together = self.per_role * len(roles)
        return min(self.opened, together) if self.opened else together


def pools_of(config: Mapping[str, Mapping[str, str]], pooler: str) -> list[Pool]:
    """Read each instance's pool from what the platform gave to it; `pooler` is "address:port".

    Raises KeyError for an instance with a database and without a stated pool size.
    """
    found = []
    for instance, variables in config.items():
        if "DATABASE_URL" in variables:
            url = urlsplit(variables["DATABASE_URL"])
            size = int(variables["DATABASE_POOL_SIZE"])
            found.append(Pool(instance, url.username or "", size, f"{url.hostname}:{url.port}" == pooler))
    return found
