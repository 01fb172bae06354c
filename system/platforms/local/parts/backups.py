"""The part that backs PostgreSQL up to the object store by Barman."""

import datetime as dt

from system.platforms.local.barman import DESTINATION, SERVER
from system.platforms.local.layout import Layout
from system.platforms.local.parts.own_program import OwnProgram
from system.platforms.local.programs import Programs

NAME = "backups"
EVERY = dt.timedelta(hours=6)
WINDOW = "RECOVERY WINDOW OF 1 DAYS"


class Backups(OwnProgram):
    """Keeps the schedule; ready once the store holds a whole backup that is not too old.

    Args:
        layout: directories and addresses.
        programs: the programs to run.
    """

    ready_deadline_s = 120.0  # a whole base backup is part of it

    def __init__(self, layout: Layout, programs: Programs) -> None:
        super().__init__(layout, programs, NAME)

    def config(self) -> dict[str, str]:
        """Give the schedule."""
        return {"every_s": f"{EVERY.total_seconds():.0f}", "retention": WINDOW, "to": f"{DESTINATION}/{SERVER}"}
