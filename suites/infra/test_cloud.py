"""The cloud's network: what was declared is there, and nothing was added by hand."""

from collections.abc import Iterable
from typing import Any

from seatrial import BLOCKER, Invalid, Observe, check, require
from seatrial.cases import Cases
from seatrial.declared import CloudFirewall, CloudSection
from suites.infra import _topology as topology


@check("INF-NET-03", severity=BLOCKER, component="cloud network")
def test_the_clouds_network_is_the_declared_one(observe: Observe) -> None:
    """The VPC's range is private, its members are right, and firewalls and trusted sources equal the declared topology.

    Why it matters: a managed database without trusted sources is open to the internet, and a rule that somebody added by
    hand for an afternoon stays until somebody finds it. Neither shows in the application, in its tests or in its logs.

    How it is measured: the cloud's own API is read and compared, as sets, with the profile's [cloud]: order, grouping
    and ways of writing a network or all ports make no difference. The VPC has the declared range, which lies in RFC 1918,
    and exactly the declared members. Each database lies in that VPC, by its own word and by the VPC's list. Its
    trusted sources are exactly the declared ones; an empty list, 0.0.0.0/0 and ::/0 are wrong even if declared. Each
    firewall has exactly the declared rules and guards exactly the declared tags and machines; its last change has
    succeeded everywhere. What is declared and not there is a failure; a token that is refused, a limit on requests or an
    error of the API makes the check INVALID.

    Not covered: objects of the account that the profile does not name; what a firewall guards beyond the declared, where the token
    may read neither tags nor Droplets; whether the rules have the effect they state (INF-NET-01
    asks from outside).
    """
    cloud = observe.profile.cloud
    if cloud is None:
        raise Invalid("the profile names no [cloud]")
    with observe.cases(at_least=2 + 2 * len(cloud.databases) + 3 * len(cloud.firewalls)) as cases:
        with cases("VPC range"):
            found = str(observe.cloud.vpc().get("ip_range"))
            require(topology.is_private(found), "a range of RFC 1918", found, "VPC")
            require(found == cloud.vpc.range, f"VPC range {cloud.vpc.range}", found, "VPC")
        members: set[str] = set()
        with cases("VPC members"):
            members = {str(each.get("urn")) for each in observe.cloud.vpc_members()}
            _require_same("VPC members", cloud.vpc.members, members, "VPC")
        for name, database in cloud.databases.items():
            with cases(f"{name} in the VPC"):
                _require_inside(observe, cloud, name, members)
            with cases(f"{name} trusted sources"):
                _require_trusted(observe, name, database.trusted)
        for name, firewall in cloud.firewalls.items():
            _firewall_cases(observe, cases, name, firewall)
    observe.evidence(
        "compared", {"members": len(members), "databases": len(cloud.databases), "firewalls": len(cloud.firewalls)}
    )


def _require_inside(observe: Observe, cloud: CloudSection, name: str, members: set[str]) -> None:
    where = observe.cloud.database(name).get("private_network_uuid")
    require(where == cloud.vpc.id, f"database {name} in VPC {cloud.vpc.id}", where or "in none", name)
    urn = f"do:dbaas:{cloud.databases[name].id}"
    require(urn in members, f"database {name} among the VPC's members", f"no {urn}", name)


def _require_trusted(observe: Observe, name: str, declared: Iterable[str]) -> None:
    rules = observe.cloud.trusted_sources(name)
    require(rules, f"trusted sources of {name}", "none, which lets the whole internet connect", name)
    seen = [topology.source(str(rule.get("type")), str(rule.get("value"))) for rule in rules]
    everybody = [each for each in seen if topology.is_everybody(each)]
    require(not everybody, f"no trusted source of {name} that is everybody", ", ".join(everybody), name)
    _require_same(f"trusted sources of {name}", map(topology.declared_source, declared), seen, name)


def _firewall_cases(observe: Observe, cases: Cases, name: str, declared: CloudFirewall) -> None:
    seen: dict[str, Any] = {}
    with cases(f"firewall {name} rules"):
        seen = observe.cloud.firewall(name)
        _require_same(f"rules of {name}", topology.declared_rules(declared), topology.seen_rules(seen), name)
    if not seen:
        return
    with cases(f"firewall {name} guards"):
        guarded = [f"tag {each}" for each in seen.get("tags") or []]
        guarded += [f"droplet {each}" for each in seen.get("droplet_ids") or []]
        wanted = [*(f"tag {each}" for each in declared.tags), *(f"droplet {each}" for each in declared.droplets)]
        _require_same(f"what {name} guards", wanted, guarded, name)
    with cases(f"firewall {name} applied"):
        pending = seen.get("pending_changes") or []
        status = f"{seen.get('status')}, {len(pending)} pending changes"
        require(seen.get("status") == "succeeded" and not pending, f"the last change of {name} applied", status, name)


def _require_same(what: str, declared: Iterable[str], seen: Iterable[str], where: str) -> None:
    wrong = topology.differences(declared, seen)
    require(not wrong, f"{what} as declared", "; ".join(wrong), where)
