"""The pager's end: what a chat's webhook, a mail server and a dead-man's switch are elsewhere."""

from system.platforms.local.layout import Layout
from system.platforms.local.parts.own_program import OwnProgram
from system.platforms.local.programs import Programs

NAME = "pager"
# Watched more closely than in production, as everything here: a heartbeat comes every two seconds.
SILENCE_S = 12.0


class Pager(OwnProgram):
    """Keeps what it receives in the state directory, and lets it be read at its address.

    The one setting is `silence_s`: how long the heartbeat may be silent.

    Args:
        layout: directories and addresses.
        programs: the programs to run.
    """

    def __init__(self, layout: Layout, programs: Programs) -> None:
        super().__init__(layout, programs, NAME)

    def options(self) -> list[str]:
        """Say how long the heartbeat may be silent."""
        return [f"--silence={self.config()['silence_s']}"]

    def config(self) -> dict[str, str]:
        """Give how long the heartbeat may be silent."""
        return {"silence_s": f"{SILENCE_S:g}"} | {name: str(value) for name, value in self.settings.items()}
