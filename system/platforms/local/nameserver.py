"""An authoritative name server for one zone, over UDP and TCP: python -m ... ADDRESS PORT ZONE-FILE."""

import sys
import threading
from pathlib import Path
from typing import Any

from dnslib import QTYPE, RCODE, RR, DNSRecord
from dnslib.server import BaseResolver, DNSLogger, DNSServer

LONGEST_CHAIN = 8


class Zone(BaseResolver):  # type: ignore[misc] # dnslib has no types
    """Answer from the lines of a zone file; aliases are followed within it, as RFC 1034, section 4.3.2 asks.

    Args:
        text: the zone, in master file format.
    """

    def __init__(self, text: str) -> None:
        self._records = list(RR.fromZone(text))

    def resolve(self, request: DNSRecord, _handler: object) -> Any:
        """Give the records of a name and kind, "no such name", or an empty answer for a name without that kind."""
        reply = request.reply(ra=0)
        name, kind = request.q.qname, request.q.qtype
        for _ in range(LONGEST_CHAIN):
            here = [record for record in self._records if record.rname == name]
            aliases = [record for record in here if record.rtype == QTYPE.CNAME]
            if kind == QTYPE.CNAME or not aliases:
                break
            reply.add_answer(aliases[0])
            name = aliases[0].rdata.label
        reply.add_answer(*(record for record in here if record.rtype == kind))
        if not here:
            reply.header.rcode = RCODE.NXDOMAIN
        return reply


def serve(address: str, port: int, zone: str) -> list[DNSServer]:
    """Answer questions for the zone in threads of their own, until the servers are stopped."""
    quiet = DNSLogger("-request,-reply,-truncated,-error,-recv,-send,-data")
    servers = [DNSServer(Zone(zone), address=address, port=port, tcp=tcp, logger=quiet) for tcp in (False, True)]
    for server in servers:
        server.start_thread()
    return servers


def main() -> None:
    """Serve until killed."""
    address, port, file = sys.argv[1:]
    serve(address, int(port), Path(file).read_text())
    threading.Event().wait()


if __name__ == "__main__":
    main()
