"""The part that gives figures for what has none of its own."""

from system.platforms.local.layout import Layout
from system.platforms.local.parts.own_program import OwnProgram
from system.platforms.local.programs import Programs

NAME = "exporter"
HOSTS = ("app", "api", "play", "s3")


class Exporter(OwnProgram):
    """The one setting is `hosts`: the public hosts that it asks, separated by commas.

    Args:
        layout: directories and addresses.
        programs: the programs to run.
    """

    def __init__(self, layout: Layout, programs: Programs) -> None:
        super().__init__(layout, programs, NAME)

    def options(self) -> list[str]:
        """Name the hosts."""
        return [f"--hosts={self.config()['hosts']}"]

    def config(self) -> dict[str, str]:
        """Give the hosts."""
        return {"hosts": ",".join(HOSTS)} | {name: str(value) for name, value in self.settings.items()}
