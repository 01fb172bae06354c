"""The part that backs PostgreSQL up to the object store by Barman."""

import datetime as dt
import sys

from system.platforms.local import http_probe
from system.platforms.local.barman import DESTINATION, SERVER
from system.platforms.local.children import Command
from system.platforms.local.layout import PROJECT, Layout
from system.platforms.local.part import Part
from system.platforms.local.programs import Programs

NAME = "backups"
EVERY = dt.timedelta(hours=6)
WINDOW = "RECOVERY WINDOW OF 1 DAYS"


class Backups(Part):
    """Keeps the schedule; ready once the store holds a whole backup that is not too old.

    Args:
        layout: directories and addresses.
        programs: the programs to run.
    """

    stop_grace_s = 3.0
    ready_deadline_s = 120.0  # a whole base backup is part of it

    def __init__(self, layout: Layout, programs: Programs) -> None:
        super().__init__(layout, programs, NAME, NAME, layout.addresses.endpoint(NAME))

    def command(self) -> Command:
        """Run the schedule."""
        environment = {"PATH": "/usr/bin:/bin", "TZ": "UTC", "LC_ALL": "C.UTF-8"}
        environment |= {"PYTHONPATH": str(PROJECT), "PYTHONDONTWRITEBYTECODE": "1"}
        where = [f"--state={self.layout.state}", f"--base-port={self.layout.addresses.base_port}"]
        module = "system.platforms.local.backups"
        return Command([sys.executable, "-m", module, *where], environment, self.layout.run)

    async def probe(self) -> str:
        """Ask for its metrics, which it serves from then on."""
        status = await http_probe.status(self.endpoint, "/metrics")
        return "" if status == 200 else f"/metrics answers {status}"

    def config(self) -> dict[str, str]:
        """Give the schedule."""
        return {"every_s": f"{EVERY.total_seconds():.0f}", "retention": WINDOW, "to": f"{DESTINATION}/{SERVER}"}
