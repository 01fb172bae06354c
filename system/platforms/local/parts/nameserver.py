"""The name server for the public hosts' zone: what a registrar's or a cloud's DNS is elsewhere."""

import asyncio
import sys
from pathlib import Path

from dnslib import DNSRecord

from system.platforms.local.addresses import DOMAIN
from system.platforms.local.children import Command
from system.platforms.local.layout import Layout
from system.platforms.local.part import Part
from system.platforms.local.programs import Programs

_ROOT = Path(__file__).parents[4]
# No public authority may issue for these names: the ingress has its own.
_ZONE = """\
$ORIGIN {domain}.
$TTL 60
@ IN SOA ns hostmaster 1 3600 600 86400 60
@ IN NS ns
@ IN CAA 0 issue ";"
ns IN A {address}
ingress IN A {public}
{hosts}
"""


class NameServer(Part):
    """Answers for the public hosts.

    Args:
        layout: directories and addresses.
        programs: the programs to run.
    """

    def __init__(self, layout: Layout, programs: Programs) -> None:
        super().__init__(layout, programs, "dns", "dns", layout.addresses.endpoint("dns"))
        self._file = layout.run / "zone"

    async def prepare(self) -> None:
        """Write the zone."""
        self._file.write_text(self.zone())

    def zone(self) -> str:
        """Give the zone with the patches in force."""
        text = _ZONE.format(
            domain=DOMAIN,
            address=self.endpoint.address,
            public=self.layout.addresses.endpoint("https").address,
            hosts="\n".join(f"{name} IN CNAME ingress" for name in ("app", "api", "play", "s3")),
        )
        for edit in self.settings.get("patch", []):
            text = text.replace(edit["find"], edit["replace"], 1)
        return text

    def command(self) -> Command:
        """Run the server."""
        environment = {"PATH": "/usr/bin:/bin", "TZ": "UTC", "PYTHONPATH": str(_ROOT)}
        module = "system.platforms.local.nameserver"
        arguments = [self.endpoint.address, str(self.endpoint.port), str(self._file)]
        return Command([sys.executable, "-m", module, *arguments], environment, self.layout.run)

    async def probe(self) -> str:
        """Ask for the zone's own address."""
        question = DNSRecord.question(f"ns.{DOMAIN}")
        try:
            answer = await asyncio.to_thread(question.send, self.endpoint.address, self.endpoint.port, timeout=1)
        except TimeoutError:
            return "no answer"
        return "" if DNSRecord.parse(answer).rr else "no address of its own"

    def config(self) -> dict[str, str]:
        """Give the zone."""
        return {"zone": self.zone()}
