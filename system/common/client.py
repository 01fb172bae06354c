"""Tell who the caller is, believing `X-Forwarded-For` only from our own proxies."""

from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from starlette.requests import Request

__all__ = ["PRIVATE_NETWORKS", "Networks", "client_address", "parse_networks", "subscriber", "within"]

Networks = Sequence[IPv4Network | IPv6Network]
PRIVATE_NETWORKS = "127.0.0.0/8,10.0.0.0/8,172.16.0.0/12,192.168.0.0/16,::1/128,fd00::/8"


def parse_networks(text: str) -> Networks:
    """Read a comma-separated list of networks; raises ValueError."""
    return tuple(ip_network(part.strip()) for part in text.split(","))


def client_address(request: Request, trusted: Networks) -> str:
    """Give the address that our outermost proxy saw.

    A trusted peer appends what it saw, so the last entry is the true one, and those before it are the caller's claims.
    """
    peer = request.client.host if request.client else "unknown"
    forwarded = request.headers.getlist("x-forwarded-for")
    if not forwarded or not within(peer, trusted):
        return peer
    claimed = forwarded[-1].rsplit(",", 1)[-1].strip()
    try:
        return str(ip_address(claimed))
    except ValueError:
        return peer


def subscriber(address: str) -> str:
    """Give what is counted for an address: of IPv6 its network of 64 bits, in which a caller has every address (RFC 7421)."""
    try:
        found = ip_address(address)
    except ValueError:
        return address
    if not isinstance(found, IPv6Address):
        return address
    return str(found.ipv4_mapped or ip_network((found, 64), strict=False))


def within(address: str, networks: Networks) -> bool:
    """Say whether the address lies in one of the networks; what is no address lies in none."""
    try:
        return any(ip_address(address) in network for network in networks)
    except ValueError:
        return False
