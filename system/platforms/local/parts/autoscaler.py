"""The part that runs as many instances of a service as its requests need."""

import dataclasses
import sys
from dataclasses import dataclass

from system.platforms.local import http_probe
from system.platforms.local.children import Command
from system.platforms.local.layout import PROJECT, Layout
from system.platforms.local.part import Part
from system.platforms.local.programs import Programs

NAME = "autoscaler"


@dataclass(frozen=True)
class Policy:
    """When instances come and go, as App Platform's autoscaling by requests per second has it.

    Attributes:
        service: whose.
        least, most: how many instances there are at all times.
        requests_per_s: what one instance is to answer.
        out_after_s: so long more instances must have been needed before one comes.
        in_after_s: so long fewer must have been enough before one goes.
    """

    service: str = "frontend"
    least: int = 1
    most: int = 2
    requests_per_s: float = 80.0
    out_after_s: float = 5.0
    in_after_s: float = 8.0


class Autoscaler(Part):
    """Settings are the fields of the policy.

    Args:
        layout: directories and addresses.
        programs: the programs to run.
    """

    stop_grace_s = 3.0

    def __init__(self, layout: Layout, programs: Programs) -> None:
        super().__init__(layout, programs, NAME, NAME, layout.addresses.endpoint(NAME))

    def command(self) -> Command:
        """Run the policy."""
        environment = {"PATH": "/usr/bin:/bin", "TZ": "UTC", "LC_ALL": "C.UTF-8"}
        environment |= {"PYTHONPATH": str(PROJECT), "PYTHONDONTWRITEBYTECODE": "1"}
        where = [f"--state={self.layout.state}", f"--base-port={self.layout.addresses.base_port}"]
        policy = [f"--{name}={value}" for name, value in self.config().items()]
        return Command(
            [sys.executable, "-m", "system.platforms.local.autoscaler", *where, *policy], environment, self.layout.run
        )

    async def probe(self) -> str:
        """Ask for its metrics."""
        status = await http_probe.status(self.endpoint, "/metrics")
        return "" if status == 200 else f"/metrics answers {status}"

    def config(self) -> dict[str, str]:
        """Give the policy in force."""
        return {name: str(value) for name, value in (dataclasses.asdict(Policy()) | self.settings).items()}
