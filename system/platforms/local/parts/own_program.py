"""A program of the platform itself, by the name of its module, which serves metrics."""

import sys

from system.platforms.local import http_probe
from system.platforms.local.children import Command
from system.platforms.local.layout import PROJECT, Layout
from system.platforms.local.part import Part
from system.platforms.local.programs import Programs


class OwnProgram(Part):
    """Ready once it serves its metrics.

    Args:
        layout: directories and addresses.
        programs: the programs to run.
        name: of the part, and of its module in this package's parent.
    """

    stop_grace_s = 3.0

    def __init__(self, layout: Layout, programs: Programs, name: str) -> None:
        super().__init__(layout, programs, name, name, layout.addresses.endpoint(name))

    def options(self) -> list[str]:
        """Give what it is told beside where it runs."""
        return []

    def command(self) -> Command:
        """Run the module."""
        environment = {"PATH": "/usr/bin:/bin", "TZ": "UTC", "LC_ALL": "C.UTF-8", "PYTHONPATH": str(PROJECT)}
        where = [f"--state={self.layout.state}", f"--base-port={self.layout.addresses.base_port}"]
        line = [sys.executable, "-m", f"system.platforms.local.{self.name}", *where, *self.options()]
        return Command(line, environment, self.layout.run)

    async def probe(self) -> str:
        """Ask for its metrics."""
        status = await http_probe.status(self.endpoint, "/metrics")
        return "" if status == 200 else f"/metrics answers {status}"
