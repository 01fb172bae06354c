"""The arbiter: the third vote on who is primary, so that two of three are left when a member is lost."""

import asyncio
import json
import os
from typing import Any

from system.platforms.local.addresses import MEMBERS
from system.platforms.local.children import Command
from system.platforms.local.layout import Layout
from system.platforms.local.part import Part
from system.platforms.local.programs import Programs
from system.platforms.local.secret_files import SecretFiles

NAME = "arbiter"
_VOTERS = (*(f"{each}-vote" for each in MEMBERS), NAME)


class Arbiter(Part):
    """Patroni's controller of the Raft log, without a server of its own.

    Args:
        layout: directories and addresses.
        programs: the programs to run.
        secrets: holds the password of the votes.
    """

    def __init__(self, layout: Layout, programs: Programs, secrets: SecretFiles) -> None:
        super().__init__(layout, programs, NAME, NAME, layout.addresses.endpoint(NAME))
        self._secrets = secrets
        self._orders = layout.run / f"{NAME}.json"

    async def prepare(self) -> None:
        """Write where it votes, and with whom."""
        self._orders.unlink(missing_ok=True)
        with os.fdopen(os.open(self._orders, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            json.dump({"raft": votes(self.layout, self._secrets, NAME)}, file)

    def command(self) -> Command:
        """Run it."""
        environment = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "TZ": "UTC"}
        return Command([self.programs.arbiter, self._orders], environment, self.layout.run)

    async def probe(self) -> str:
        """Connect to it."""
        _, writer = await asyncio.open_connection(self.endpoint.address, self.endpoint.port)
        writer.close()
        return ""

    def config(self) -> dict[str, str]:
        """Give where the other votes are."""
        found = votes(self.layout, self._secrets, NAME)
        return {"partners": ",".join(found["partner_addrs"]), "password": found["password"]}


def votes(layout: Layout, secrets: SecretFiles, own: str) -> dict[str, Any]:
    """Give Patroni's section `raft` of one voter; it says its own name and what it writes to disk names it by."""
    others = [str(layout.addresses.endpoint(each)) for each in _VOTERS if each != own]
    place, password = str(layout.addresses.endpoint(own)), secrets.read("patroni-votes")
    folder = str(layout.data / "votes")
    return {"self_addr": place, "bind_addr": place, "partner_addrs": others, "data_dir": folder, "password": password}
