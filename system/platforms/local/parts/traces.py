"""The collector of spans: what a company that keeps traces is elsewhere."""

from system.platforms.local.layout import Layout
from system.platforms.local.parts.own_program import OwnProgram
from system.platforms.local.programs import Programs

NAME = "traces"
KEPT_S, KEPT_SPANS = 24 * 3600, 200_000


class Traces(OwnProgram):
    """Keeps spans in a file of the state directory, and lets the trace of one request be asked for at its address.

    The settings are `kept_s`, how long a span is kept, and `kept_spans`, how many are.

    Args:
        layout: directories and addresses.
        programs: the programs to run.
    """

    def __init__(self, layout: Layout, programs: Programs) -> None:
        super().__init__(layout, programs, NAME)

    def options(self) -> list[str]:
        """Say how much is kept."""
        kept = self.config()
        return [f"--kept-s={kept['kept_s']}", f"--kept-spans={kept['kept_spans']}"]

    def config(self) -> dict[str, str]:
        """Give how much is kept."""
        kept = {"kept_s": KEPT_S, "kept_spans": KEPT_SPANS} | self.settings
        return {name: str(value) for name, value in kept.items()}
