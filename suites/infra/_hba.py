"""The lines by which a PostgreSQL server lets clients in, as the server itself reads them."""

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from seatrial import Invalid
from seatrial.facets.postgres import ObservePg

Network = IPv4Network | IPv6Network

LOCAL = "local"
# Methods that prove nothing about the client, or send or store what a listener can use.
WEAK = frozenset({"trust", "md5", "password", "ident"})
_READABLE = (
    "select has_table_privilege('pg_catalog.pg_hba_file_rules', 'SELECT') "
    "and has_function_privilege('pg_catalog.pg_hba_file_rules()', 'EXECUTE') as readable"
)
_RULES = (
    "select line_number, type, database, user_name, address, netmask, auth_method, error "
    "from pg_catalog.pg_hba_file_rules order by line_number"
)


@dataclass(frozen=True)
class Rule:
    """One line: for whom, from where, and how they prove who they are; `error` when the server cannot read it."""

    line: int
    kind: str
    databases: tuple[str, ...]
    users: tuple[str, ...]
    address: str
    netmask: str
    method: str
    error: str

    def __str__(self) -> str:
        if self.error:
            return f"line {self.line}: {self.error}"
        place = self.network
        words = (self.kind, ",".join(self.databases), ",".join(self.users), str(place or self.address), self.method)
        return f"line {self.line}: {' '.join(word for word in words if word)}"

    @property
    def admits(self) -> bool:
        """It lets clients of a network in, when they prove who they are."""
        return not self.error and self.kind != LOCAL and self.method != "reject"

    @property
    def network(self) -> Network | None:
        """The addresses that it is for; None for a name or a word such as `all`, `samehost` or `samenet`."""
        if not self.address or not self.netmask:
            return None
        try:
            address, mask = ip_network(self.address), ip_network(self.netmask)
        except ValueError:
            return None
        length = int(mask.network_address).bit_count()
        return ip_network(f"{address.network_address}/{length}", strict=False)

    def within(self, trusted: Iterable[Network]) -> bool:
        """Say whether every address that it is for lies in one of the networks; a name or a word never does."""
        own = self.network
        return own is not None and any(
            own.version == each.version and own.subnet_of(each)  # type: ignore[arg-type]
            for each in trusted
        )


def covers(network: Network, address: str) -> bool:
    """Say whether an address lies in a network."""
    return ip_address(address) in network


def readable(pg: ObservePg) -> bool:
    """Say whether the observing role may see the server's lines."""
    return bool(pg.rows(_READABLE)[0]["readable"])


def rules(pg: ObservePg) -> list[Rule]:
    """Ask the server for its lines; raises Invalid when the observing role may not see them, or there is none."""
    if not readable(pg):
        raise Invalid(
            "the observing role may not read pg_hba_file_rules: grant it SELECT on the view and EXECUTE on the function"
        )
    found = [
        Rule(
            row["line_number"] or 0,
            row["type"] or "",
            tuple(row["database"] or ()),
            tuple(row["user_name"] or ()),
            row["address"] or "",
            row["netmask"] or "",
            row["auth_method"] or "",
            row["error"] or "",
        )
        for row in pg.rows(_RULES)
    ]
    if not found:
        raise Invalid("pg_hba_file_rules is empty, yet this session was let in: the server takes its lines elsewhere")
    return found
