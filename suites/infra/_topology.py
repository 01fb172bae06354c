"""A cloud's network and a declared one in the same words, so that order, grouping and defaults make no difference."""

import ipaddress
from collections.abc import Iterable, Mapping
from typing import Any

from seatrial.declared import CloudFirewall, FirewallRule

PRIVATE = tuple(ipaddress.ip_network(each) for each in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"))
_ALL_PORTS = {"0", "all", "1-65535", "0-65535"}
_PEERS = {
    "addresses": "address",
    "droplet_ids": "droplet",
    "load_balancer_uids": "load balancer",
    "kubernetes_ids": "kubernetes",
    "tags": "tag",
}


def is_private(network: str) -> bool:
    """Tell whether a network lies wholly in a range of RFC 1918."""
    seen = ipaddress.ip_network(network, strict=False)
    return isinstance(seen, ipaddress.IPv4Network) and any(
        seen.subnet_of(each) for each in PRIVATE if isinstance(each, ipaddress.IPv4Network)
    )


def is_everybody(source: str) -> bool:
    """Tell whether a trusted source is the whole internet."""
    kind, _, value = source.partition(":")
    return kind == "ip_addr" and ipaddress.ip_network(value, strict=False).prefixlen == 0


def source(kind: str, value: str) -> str:
    """Write a trusted source; an address without a mask is one machine."""
    return f"{kind}:{_network(value) if kind == 'ip_addr' else value}"


def declared_source(text: str) -> str:
    """Write a declared trusted source in the same way."""
    kind, _, value = text.partition(":")
    return source(kind, value)


def seen_rules(firewall: Mapping[str, Any]) -> set[str]:
    """Write a firewall's rules as the API gives them, one line for each peer."""
    lines = set[str]()
    for direction, peers in (("inbound", "sources"), ("outbound", "destinations")):
        for rule in firewall.get(f"{direction}_rules") or []:
            lines |= _lines(direction, str(rule.get("protocol")), str(rule.get("ports") or ""), rule.get(peers) or {})
    return lines


def declared_rules(firewall: CloudFirewall) -> set[str]:
    """Write a declared firewall's rules in the same way."""
    return {
        line
        for direction, rules in (("inbound", firewall.inbound), ("outbound", firewall.outbound))
        for rule in rules
        for line in _lines(direction, rule.protocol, rule.ports, _declared_peers(rule))
    }


def differences(declared: Iterable[str], seen: Iterable[str]) -> list[str]:
    """Name what is there undeclared, and what is declared and not there."""
    wanted, found = set(declared), set(seen)
    return [f"undeclared: {each}" for each in sorted(found - wanted)] + [
        f"missing: {each}" for each in sorted(wanted - found)
    ]


def _declared_peers(rule: FirewallRule) -> dict[str, Iterable[object]]:
    return {
        "addresses": rule.addresses,
        "tags": rule.tags,
        "droplet_ids": rule.droplets,
        "load_balancer_uids": rule.load_balancers,
        "kubernetes_ids": rule.kubernetes,
    }


def _lines(direction: str, protocol: str, ports: str, peers: Mapping[str, Iterable[object] | None]) -> set[str]:
    where = "" if protocol == "icmp" else " all ports" if ports in _ALL_PORTS or not ports else f" {ports}"
    to = "from" if direction == "inbound" else "to"
    found = {
        f"{direction} {protocol}{where} {to} {name} {_network(str(each)) if name == 'address' else each}"
        for key, name in _PEERS.items()
        for each in peers.get(key) or []
    }
    return found or {f"{direction} {protocol}{where} {to} nobody"}


def _network(value: str) -> str:
    return str(ipaddress.ip_network(value, strict=False))
