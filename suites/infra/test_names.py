"""The public hosts' names, and where they lead."""

from typing import Any

from seatrial import MAJOR, Failure, Invalid, Observe, check, require
from seatrial.profile import DnsSection
from suites.security.test_tls import public_hosts


@check("INF-DNS-01", severity=MAJOR, component="dns")
def test_names_lead_where_the_profile_says(observe: Observe) -> None:
    """Names resolve where the profile says; with `resolve` overrides the same suites run before the DNS cutover.

    Why it matters: a record that was forgotten at a move sends some users to the old system for as long as its TTL
    says, with everything green on the new one. A check that goes by an override sees nothing of the records.

    How it is measured: where the profile has a [dns] section, its server, or the machine's resolvers, are asked for A and
    AAAA of each host of [urls] that it lists, aliases followed: exactly the addresses of [dns.addresses] must come, or
    any by way of the alias of [dns.aliases], with a TTL of at most longest_ttl_s. The CAA records in force, looked for
    from the host upwards (RFC 8659), must be those of `caa` where it is given. A handshake with each host must end at
    the address of [resolve] where it names the host, else at one that the records gave; which of the two led there is in
    the evidence.

    Not covered: what resolvers elsewhere still keep; DNSSEC; hosts that the profile lists in neither section, such as
    another company's object store: they are named in the evidence.
    """
    profile = observe.profile
    section = profile.dns or DnsSection()
    listed = {*profile.resolve, *section.addresses, *section.aliases}
    hosts = [host for host in public_hosts(observe) if host.name in listed]
    if not hosts:
        raise Invalid("the profile says of no public host where it leads: [resolve], [dns.addresses] or [dns.aliases]")
    seen: dict[str, Any] = {}
    with observe.cases(at_least=len(hosts)) as cases:
        for host in hosts:
            known: list[str] = []
            if host.name in {*section.addresses, *section.aliases}:
                with cases(f"the records of {host.name}"):
                    seen[f"records of {host.name}"] = found = _records(observe, host.name)
                    known = found["addresses"]
                    _require_records(host.name, found, section)
                if section.caa is not None:
                    with cases(f"who may issue for {host.name}"):
                        _require_issuers(observe, host.name, sorted(section.caa))
            with cases(f"the peer of {host.name}"):
                override = profile.resolve.get(host.name)
                by = "an override of [resolve]" if override else "the machine's resolver"
                wanted = [override] if override else known
                answer = observe.tls.handshake(host.name, host.port, verify=False)
                seen[host.name] = {"connected to": answer.address, "led there by": by, "error": answer.error}
                place = f"{host.name} to answer at {', '.join(wanted)}, where {by} leads"
                require(answer.address in wanted, place, answer.error or answer.address, "ingress")
    observe.evidence("hosts", seen)
    observe.evidence("not listed", [host.name for host in public_hosts(observe) if host.name not in listed])


def _records(observe: Observe, host: str) -> dict[str, Any]:
    found = [observe.names.ask(host, kind) for kind in ("A", "AAAA")]
    return {
        "addresses": sorted(record for each in found for record in each.records),
        "aliases": list(dict.fromkeys(name for each in found for name in each.aliases)),
        "TTL, seconds": max((each.ttl_s for each in found if each.ttl_s is not None), default=0),
        "errors": [each.error for each in found if each.error],
    }


def _require_records(host: str, found: dict[str, Any], section: DnsSection) -> None:
    records, errors = found["addresses"], "; ".join(found["errors"])
    if host in section.aliases:
        alias = section.aliases[host].rstrip(".")
        by_way = f"the name server to lead {host} to {alias}"
        require(alias in found["aliases"] and records, by_way, errors or found["aliases"] or "no alias")
    if host in section.addresses:
        wanted = sorted(section.addresses[host])
        what = f"the addresses {', '.join(wanted)} from the name server for {host}"
        require(records == wanted, what, errors or records or "no record")
    limit = f"a TTL of at most {section.longest_ttl_s} s on {host}"
    require(found["TTL, seconds"] <= section.longest_ttl_s, limit, f"{found['TTL, seconds']} s")


def _require_issuers(observe: Observe, host: str, wanted: list[str]) -> None:
    labels = host.split(".")
    for depth in range(len(labels) - 1):
        name = ".".join(labels[depth:])
        answer = observe.names.ask(name, "CAA")
        if answer.error and "NXDOMAIN" not in answer.error:
            raise Failure(f"an answer for CAA of {name}", answer.error)
        if answer.records:
            require(list(answer.records) == wanted, f"the CAA records {wanted} for {host}", list(answer.records))
            return
    raise Failure(f"the CAA records {wanted} for {host}", "none on the way up")
