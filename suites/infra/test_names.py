"""The public hosts' names, and where they lead."""

from typing import Any

from seatrial import MAJOR, Failure, Observe, check, require
from suites.security.test_tls import PUBLIC, public_hosts


@check("INF-DNS-01", severity=MAJOR, component="dns")
def test_names_lead_where_the_profile_says(observe: Observe) -> None:
    """Names resolve where the profile says; with `resolve` overrides the same suites run before the DNS cutover.

    Why it matters: a record that was forgotten at a move sends some users to the old system for as long as its TTL
    says, with everything green on the new one. A check that goes by an override sees nothing of the records.

    How it is measured: a handshake with each host of [urls] must end at one of its declared addresses: that of
    [resolve] where it names the host, else those of [dns]; which of the two led there is in the evidence. Where the
    profile has a [dns] section, its server, or the machine's resolvers, are asked for A and AAAA of each host, aliases
    followed: exactly the addresses of [dns.addresses] must come, with a TTL of at most longest_ttl_s. The CAA records in
    force, looked for from the host upwards (RFC 8659), must be those of `caa` where it is given.

    Not covered: what resolvers elsewhere still keep; DNSSEC; names that the profile does not list.
    """
    section = observe.profile.dns
    seen: dict[str, Any] = {}
    with observe.cases(at_least=len(PUBLIC) * (3 if section else 1)) as cases:
        for host in public_hosts(observe):
            override = observe.profile.resolve.get(host.name)
            said = section.addresses.get(host.name, ()) if section else ()
            declared = (override,) if override else said
            with cases(f"the peer of {host.name}"):
                require(declared, f"an address of {host.name} in [resolve] or [dns.addresses]", "none", "profile")
                answer = observe.tls.handshake(host.name, host.port, verify=False)
                by = "an override of [resolve]" if override else "the machine's resolver"
                seen[host.name] = {"connected to": answer.address, "led there by": by, "error": answer.error}
                wanted = f"{host.name} to answer at {', '.join(declared)}, where {by} leads"
                require(answer.address in declared, wanted, answer.error or answer.address, "ingress")
            if section is None:
                continue
            with cases(f"the addresses of {host.name}"):
                found = [observe.names.ask(host.name, kind) for kind in ("A", "AAAA")]
                records = sorted(record for each in found for record in each.records)
                ttl_s = min((each.ttl_s for each in found if each.ttl_s is not None), default=None)
                aliases = list(dict.fromkeys(name for each in found for name in each.aliases))
                seen[f"records of {host.name}"] = {"addresses": records, "TTL, seconds": ttl_s, "aliases": aliases}
                errors = "; ".join(each.error for each in found if each.error)
                what = f"the addresses {', '.join(sorted(said))} from the name server for {host.name}"
                require(records == sorted(said), what, errors or records or "no record")
                longest = max((each.ttl_s or 0 for each in found), default=0)
                limit = f"a TTL of at most {section.longest_ttl_s} s on {host.name}"
                require(longest <= section.longest_ttl_s, limit, f"{longest} s")
            if section.caa is not None:
                with cases(f"who may issue for {host.name}"):
                    _require_issuers(observe, host.name, sorted(section.caa))
    observe.evidence("hosts", seen)


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
