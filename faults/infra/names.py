"""Records that lead elsewhere, or for too long."""

from abc import ABC, abstractmethod
from typing import ClassVar
from urllib.parse import urlsplit

from seatrial import Destroy, Observe, fault


def _host(observe: Observe, role: str) -> str:
    return urlsplit(observe.profile.urls[role]).hostname or ""


class _PatchedZone(ABC):
    """Restart the name server with another line in its zone; in effect when the server itself answers so."""

    line: ClassVar[tuple[str, str]]

    def strike(self, destroy: Destroy) -> None:
        """Put another line there."""
        find, replace = self.line
        destroy.platform.restart("dns", {"patch": [{"find": find, "replace": replace}]})

    @abstractmethod
    def in_effect(self, observe: Observe) -> bool:
        """Ask the server."""


@fault("dns-record-of-the-old-system", kind="network", caught_by={"INF-DNS-01": "the addresses 127.0.0.1 from"})
class RecordOfTheOldSystem(_PatchedZone):
    """One host still leads to the machine of before the move, while all others have been changed.

    Source: RFC 1912, section 2.1 (inconsistent and missing data is the most common error in zones)
    """

    line = ("play IN CNAME ingress", "play IN A 127.0.0.9")

    def in_effect(self, observe: Observe) -> bool:
        """Ask where the host is."""
        return observe.names.ask(_host(observe, "play"), "A").records == ("127.0.0.9",)


@fault("dns-ttl-of-a-week", kind="configuration", caught_by={"INF-DNS-01": "a TTL of at most"})
class TtlOfAWeek(_PatchedZone):
    """Answers may be kept for a week, so that a change of address takes as long.

    Source: RFC 1912, section 2.2 (lower the TTL before a change)
    """

    line = ("$TTL 60", "$TTL 604800")

    def in_effect(self, observe: Observe) -> bool:
        """Ask for how long an answer may be kept."""
        return observe.names.ask(_host(observe, "app"), "A").ttl_s == 604_800


@fault("dns-anybody-may-issue", kind="configuration", caught_by={"INF-DNS-01": "the CAA records"})
class AnybodyMayIssue(_PatchedZone):
    """The CAA record allows an authority that nobody here uses to issue certificates for our names.

    Source: RFC 8659, section 1
    """

    line = ('CAA 0 issue ";"', 'CAA 0 issue "ca.attacker.example"')

    def in_effect(self, observe: Observe) -> bool:
        """Ask who may issue for the domain."""
        domain = _host(observe, "app").partition(".")[2]
        return any("ca.attacker.example" in record for record in observe.names.ask(domain, "CAA").records)
