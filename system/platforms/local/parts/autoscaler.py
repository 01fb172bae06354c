"""The part that runs as many instances of a service as its requests need."""

import dataclasses
from dataclasses import dataclass

from system.platforms.local.layout import Layout
from system.platforms.local.parts.own_program import OwnProgram
from system.platforms.local.programs import Programs

NAME = "autoscaler"


@dataclass(frozen=True)
class Policy:
    """When instances come and go, as App Platform's autoscaling by requests per second has it.

    Attributes:
        service: whose.
        least, most: how many instances there are at all times.
        requests_per_s: what one instance is to answer.
        out_after_s: over so long requests are counted before an instance comes.
        in_after_s: so long fewer must have been enough before one goes.
    """

    service: str = "frontend"
    least: int = 1
    most: int = 2
    requests_per_s: float = 80.0
    out_after_s: float = 5.0
    in_after_s: float = 8.0


class Autoscaler(OwnProgram):
    """Settings are the fields of the policy.

    Args:
        layout: directories and addresses.
        programs: the programs to run.
    """

    def __init__(self, layout: Layout, programs: Programs) -> None:
        super().__init__(layout, programs, NAME)

    def options(self) -> list[str]:
        """Give the policy."""
        return [f"--{name}={value}" for name, value in self.config().items()]

    def config(self) -> dict[str, str]:
        """Give the policy in force."""
        return {name: str(value) for name, value in (dataclasses.asdict(Policy()) | self.settings).items()}
