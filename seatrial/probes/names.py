"""What a name server says of a name."""

from dataclasses import dataclass

import dns.exception
import dns.resolver

from seatrial.probes.text import one_line


@dataclass(frozen=True)
class NameAnswer:
    """One question's answer.

    Attributes:
        name: what was asked for; kind: "A", "AAAA", "CAA".
        records: the answers' texts, sorted; empty when there are none.
        ttl_s: how long they may be kept, the shortest of the chain; None without records.
        aliases: the names of the CNAME chain that was followed, in order.
        error: one line when there was no answer, or it was a refusal; None for records and for "no such record".
    """

    name: str
    kind: str
    records: tuple[str, ...] = ()
    ttl_s: int | None = None
    aliases: tuple[str, ...] = ()
    error: str | None = None


def ask(name: str, kind: str, *, server: tuple[str, int] | None = None, timeout_s: float = 3.0) -> NameAnswer:
    """Ask `server`, or the machine's own resolvers, for the records of a kind; CNAMEs are followed by the server."""
    try:
        resolver = dns.resolver.Resolver(configure=server is None)
        if server is not None:
            resolver.nameservers, resolver.port = [server[0]], server[1]
        found = resolver.resolve(f"{name.rstrip('.')}.", kind, raise_on_no_answer=False, lifetime=timeout_s)
    except dns.resolver.NXDOMAIN:
        return NameAnswer(name, kind, error="no such name (NXDOMAIN)")
    except dns.exception.Timeout:
        return NameAnswer(name, kind, error=f"no answer within {timeout_s:g} s")
    except dns.exception.DNSException as error:
        return NameAnswer(name, kind, error=one_line(error))
    chain = [link for links in found.chaining_result.cnames for link in links]
    return NameAnswer(
        name,
        kind,
        records=tuple(sorted(record.to_text() for record in found.rrset or ())),
        ttl_s=min(each.ttl for each in found.response.answer) if found.rrset else None,
        aliases=tuple(link.target.to_text(omit_final_dot=True) for link in chain),
    )
