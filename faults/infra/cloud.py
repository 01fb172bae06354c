"""What hands do to a cloud's network, through the cloud's own API."""

from seatrial import Destroy, Invalid, Observe, fault

STRANGER = "198.51.100.7"


def a_database(handle: Observe) -> str:
    """Name the first declared database."""
    return next(iter(_declared(handle, "databases")))


def a_firewall(handle: Observe) -> str:
    """Name the first declared firewall."""
    return next(iter(_declared(handle, "firewalls")))


def _declared(handle: Observe, kind: str) -> dict[str, object]:
    cloud = handle.profile.cloud
    named: dict[str, object] = getattr(cloud, kind) if cloud else {}
    if not named:
        raise Invalid(f"the profile names no [cloud] with {kind}")
    return named


def _trusted(observe: Observe) -> list[str]:
    return [f"{each['type']}:{each['value']}" for each in observe.cloud.trusted_sources(a_database(observe))]


@fault("cloud-trusted-stranger", kind="cloud objects", caught_by={"INF-NET-03": f"undeclared: ip_addr:{STRANGER}/32"})
class TrustedStranger:
    """Somebody let the machine at home connect to the database, for one evening.

    Source: https://docs.digitalocean.com/products/databases/postgresql/how-to/secure/ (section on trusted sources)
    """

    def strike(self, destroy: Destroy) -> None:
        """Add it."""
        destroy.cloud.add_trusted_source(a_database(destroy), "ip_addr", STRANGER)

    def in_effect(self, observe: Observe) -> bool:
        """Find it in the list."""
        return f"ip_addr:{STRANGER}" in _trusted(observe)


@fault("cloud-trusted-everybody", kind="cloud objects", caught_by={"INF-NET-03": "that is everybody"})
class TrustedEverybody:
    """A trusted source of 0.0.0.0/0, because something could not connect.

    Source: https://cwe.mitre.org/data/definitions/284.html (improper access control)
    """

    def strike(self, destroy: Destroy) -> None:
        """Add it."""
        destroy.cloud.add_trusted_source(a_database(destroy), "ip_addr", "0.0.0.0/0")

    def in_effect(self, observe: Observe) -> bool:
        """Find it in the list."""
        return "ip_addr:0.0.0.0/0" in _trusted(observe)


@fault("cloud-trusted-none", kind="cloud objects", caught_by={"INF-NET-03": "lets the whole internet connect"})
class TrustedNone:
    """The list was cleared to start anew, and an empty one admits everybody.

    Source: https://docs.digitalocean.com/products/databases/postgresql/how-to/secure/ (connections are restricted by adding
    trusted sources, and by nothing else)
    """

    def strike(self, destroy: Destroy) -> None:
        """Clear it."""
        destroy.cloud.clear_trusted_sources(a_database(destroy))

    def in_effect(self, observe: Observe) -> bool:
        """Find nothing in the list."""
        return not _trusted(observe)


@fault(
    "cloud-firewall-port",
    kind="cloud objects",
    caught_by={"INF-NET-03": "undeclared: inbound tcp 8888 from address 0.0.0.0/0"},
)
class FirewallPort:
    """A port was opened by hand to look at something (drift).

    Source: https://cwe.mitre.org/data/definitions/1327.html (binding to an unrestricted address)
    """

    def strike(self, destroy: Destroy) -> None:
        """Open it."""
        rule = {"protocol": "tcp", "ports": "8888", "sources": {"addresses": ["0.0.0.0/0"]}}
        destroy.cloud.add_firewall_rule(a_firewall(destroy), "inbound", rule)

    def in_effect(self, observe: Observe) -> bool:
        """Find the port in the rules."""
        rules = observe.cloud.firewall(a_firewall(observe))["inbound_rules"]
        return any(rule["ports"] == "8888" for rule in rules)


@fault("cloud-firewall-rule-lost", kind="cloud objects", caught_by={"INF-NET-03": "missing: inbound tcp"})
class FirewallRuleLost:
    """A rule was removed by hand: the administrators are locked out, and find out when they must get in.

    Source: https://docs.digitalocean.com/products/networking/firewalls/ (what no rule allows is dropped)
    """

    def strike(self, destroy: Destroy) -> None:
        """Remove the first inbound rule's ports."""
        first = destroy.cloud.firewall(a_firewall(destroy))["inbound_rules"][0]
        destroy.cloud.remove_firewall_rules(a_firewall(destroy), "inbound", first["ports"])

    def in_effect(self, observe: Observe) -> bool:
        """Count fewer inbound rules than are declared."""
        cloud = observe.profile.cloud
        name = a_firewall(observe)
        rules = observe.cloud.firewall(name)["inbound_rules"]
        return cloud is not None and len(rules) < len(cloud.firewalls[name].inbound)


@fault("cloud-firewall-untagged", kind="cloud objects", caught_by={"INF-NET-03": "missing: tag"})
class FirewallUntagged:
    """The firewall keeps its rules and guards nobody: the tag was taken off.

    Source: https://docs.digitalocean.com/products/networking/firewalls/how-to/configure-rules/ (rules hold for what the firewall is
    applied to)
    """

    def strike(self, destroy: Destroy) -> None:
        """Take the first tag off."""
        name = a_firewall(destroy)
        destroy.cloud.untag_firewall(name, destroy.cloud.firewall(name)["tags"][0])

    def in_effect(self, observe: Observe) -> bool:
        """Find fewer tags than are declared."""
        cloud = observe.profile.cloud
        name = a_firewall(observe)
        return cloud is not None and len(observe.cloud.firewall(name)["tags"] or []) < len(cloud.firewalls[name].tags)
