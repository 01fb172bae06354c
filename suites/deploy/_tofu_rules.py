"""What OpenTofu's files must say: who may connect, what is watched, what the GPU can do, and that the spec says the same."""

import ipaddress
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from seatrial.declared import CloudFirewall
from suites.deploy._app_spec import AppSpec
from suites.deploy._tofu import HAVE_ENCODER, Tofu

__all__ = ["connections", "databases", "firewall", "gpu", "pools", "template", "trusted", "uptime", "watched"]

ENGINES = {"PG": "pg", "VALKEY": "valkey"}
DROPLETS = (
    "v1/insights/droplet/cpu",
    "v1/insights/droplet/memory_utilization_percent",
    "v1/insights/droplet/disk_utilization_percent",
)
CLUSTERS = (
    "v1/dbaas/alerts/cpu_alerts",
    "v1/dbaas/alerts/memory_utilization_alerts",
    "v1/dbaas/alerts/disk_utilization_alerts",
)
_ASKED = re.compile(r"(?<!\$)\$\{(\w+)\}")
_FILLED = re.compile(r"(\w+) = ")
_ATTRIBUTE = re.compile(r"\$\{(digitalocean_\w+)\.(\w+)")


def gpu(tofu: Tofu) -> Iterator[str]:
    """Name each droplet that cannot encode, or is outside of the private network."""
    droplets = tofu.of("digitalocean_droplet")
    if not droplets:
        yield "there is no droplet, and App Platform has no GPU"
    for name, droplet in droplets.items():
        size = tofu.value(droplet.get("size"))
        if size not in HAVE_ENCODER:
            yield f"droplet {name} has size {size}, whose GPU has no encoder (these have one: {', '.join(HAVE_ENCODER)})"
        if not _refers(droplet.get("vpc_uuid"), "digitalocean_vpc"):
            yield f"droplet {name} is not in the VPC"
        if droplet.get("monitoring") is not True:
            yield f"droplet {name} has no monitoring, which its alerts need"


def databases(tofu: Tofu, spec: AppSpec, postgres_major: int) -> Iterator[str]:
    """Name what is wrong with the clusters, and where the spec names another."""
    clusters = tofu.of("digitalocean_database_cluster")
    by_name = {tofu.value(body.get("name")): body for body in clusters.values()}
    for kind in ENGINES.values():
        if kind not in [body.get("engine") for body in clusters.values()]:
            yield f"there is no cluster of engine {kind}"
    for name, body in by_name.items():
        if not _refers(body.get("private_network_uuid"), "digitalocean_vpc"):
            yield f"{name} is not in the VPC"
        if body.get("node_count", 1) < 2:
            yield f"{name} has no standby"
        if body.get("engine") == "pg" and str(body.get("version")) != str(postgres_major):
            yield f"{name} has version {body.get('version')}, and the profile says {postgres_major}"
        if body.get("engine") == "valkey" and body.get("eviction_policy") != "noeviction":
            yield f"{name} evicts: {body.get('eviction_policy')}"
    for database in spec.databases:
        body = by_name.get(database.cluster_name, {})
        if (body.get("engine"), str(body.get("version"))) != (ENGINES[database.engine], database.version):
            yield f"the spec's {database.name} is {database.engine} {database.version} in {database.cluster_name}, which tofu does not make"


def trusted(tofu: Tofu) -> Iterator[str]:
    """Name each cluster that somebody outside of the VPC may try; one without a rule is open to all."""
    inside = [ipaddress.ip_network(tofu.value(body.get("ip_range"))) for body in tofu.of("digitalocean_vpc").values()]
    rules: dict[str, list[dict[str, Any]]] = {}
    for body in tofu.of("digitalocean_database_firewall").values():
        if found := _ATTRIBUTE.match(str(body.get("cluster_id"))):
            rules.setdefault(found[2], []).extend(body.get("rule", []))
    for name in tofu.of("digitalocean_database_cluster"):
        if not rules.get(name):
            yield f"{name} has no trusted source, and is open to the internet"
        for rule in rules.get(name, []):
            value = tofu.value(rule.get("value"))
            if rule.get("type") != "ip_addr" or ipaddress.ip_network(value) not in inside:
                yield f"{name} trusts {rule.get('type')} {value}, which is not the VPC"


def pools(tofu: Tofu, urls: dict[str, str]) -> Iterator[str]:
    """Name each service whose database URL leads to no pool of its user; `urls` by service."""
    made: dict[str, str] = {}
    for body in tofu.of("digitalocean_database_connection_pool").values():
        made |= dict.fromkeys(body.get("for_each", [tofu.value(body.get("name"))]), str(body.get("mode")))
    for service, url in urls.items():
        pool = urlsplit(url).path.lstrip("/")
        if made.get(pool) != "transaction":
            yield f"{service} connects to {pool or 'no pool'}, of which the mode is {made.get(pool, 'unknown: there is none')}"


def connections(tofu: Tofu) -> Iterator[str]:
    """Name each PostgreSQL cluster whose pools take more connections than it has: 25 for each GB, of which 3 are the vendor's."""
    for name, cluster in tofu.of("digitalocean_database_cluster").items():
        if cluster.get("engine") != "pg":
            continue
        taken = 0
        for body in tofu.of("digitalocean_database_connection_pool").values():
            if (found := _ATTRIBUTE.match(str(body.get("cluster_id")))) and found[2] == name:
                each = body.get("for_each", {})
                taken += (
                    sum(each.values())
                    if body.get("size") == "${each.value}"
                    else tofu.value(body.get("size")) * max(len(each), 1)
                )
        memory = re.search(r"-(\d+)gb$", str(tofu.value(cluster.get("size"))))
        there = 25 * int(memory[1]) - 3 if memory else 0
        if not 0 < taken < there:
            yield f"pools of {name} take {taken} connections, and {cluster.get('size')} has {there}"


def watched(tofu: Tofu) -> Iterator[str]:
    """Name each alert that is missing, off, or tells nobody."""
    armed: set[str] = set()
    for name, body in tofu.of("digitalocean_monitor_alert").items():
        if not any(each.get("email") or each.get("slack") for each in body.get("alerts", [])):
            yield f"alert {name} tells nobody"
        elif body.get("enabled") is True and body.get("compare") == "GreaterThan":
            armed |= set(body.get("for_each", [body.get("type")]))
    yield from (f"no alert {kind}" for kind in (*DROPLETS, *CLUSTERS) if kind not in armed)


def uptime(tofu: Tofu, hosts: set[str]) -> Iterator[str]:
    """Name each public host that nobody asks from outside, and what nobody is told."""
    asked: set[str] = set()
    for body in tofu.of("digitalocean_uptime_check").values():
        if body.get("enabled") is True and body.get("type") == "https":
            asked |= set(tofu.value(body.get("for_each", [])))
    yield from (f"nobody asks {host}" for host in sorted(hosts - asked))
    yield from (f"{host} is asked and is no domain" for host in sorted(asked - hosts))
    told = {body.get("type") for body in tofu.of("digitalocean_uptime_alert").values() if body.get("notifications")}
    yield from (f"nobody is told of {kind}" for kind in sorted({"down_global", "ssl_expiry"} - told))


def template(tofu: Tofu, name: str, text: str) -> Iterator[str]:
    """Name what a template asks for and no droplet fills in, and the other way round."""
    asked = set(_ASKED.findall(text))
    filled: set[str] = set()
    for body in tofu.of("digitalocean_droplet").values():
        if name in (data := str(body.get("user_data"))):
            filled |= set(_FILLED.findall(data))
    yield from (f"{name} asks for {each}, which nobody fills in" for each in sorted(asked - filled))
    yield from (f"{each} is filled into {name}, which does not ask for it" for each in sorted(filled - asked))


def firewall(tofu: Tofu, name: str, declared: CloudFirewall) -> Iterator[str]:
    """Name where a firewall's rules differ from those that the profile declares."""
    body = tofu.of("digitalocean_firewall").get(name, {})
    for direction, end, wanted in (
        ("inbound_rule", "source_addresses", declared.inbound),
        ("outbound_rule", "destination_addresses", declared.outbound),
    ):
        made = {
            (rule["protocol"], rule["port_range"], tuple(sorted(tofu.value(rule.get(end, [])))))
            for rule in body.get(direction, [])
        }
        profile = {(rule.protocol, rule.ports, tuple(sorted(rule.addresses))) for rule in wanted}
        yield from (f"firewall {name} has {direction} {rule}, the profile has not" for rule in sorted(made - profile))
        yield from (f"the profile has {direction} {rule}, firewall {name} has not" for rule in sorted(profile - made))


def _refers(value: Any, kind: str) -> bool:
    found = _ATTRIBUTE.match(str(value))
    return found is not None and found[1] == kind
