"""A part of the system: what it runs, how to tell that it is ready, how it ends."""

import signal
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

from system.platforms.local.addresses import Endpoint
from system.platforms.local.children import Command
from system.platforms.local.layout import Layout
from system.platforms.local.programs import Programs


class Part(ABC):
    """Describes one long-running process; `Keeper` runs it.

    Args:
        layout: directories and addresses of the instance.
        programs: the programs to run.
        name: unique name, as in `status`.
        service: what kind of part it is; several parts may share it.
        endpoint: where it listens first of all.
    """

    stop_signal = signal.SIGTERM
    stop_grace_s = 10.0
    ready_deadline_s = 20.0
    dies_by = "KILL"
    release: str | None = None

    def __init__(self, layout: Layout, programs: Programs, name: str, service: str, endpoint: Endpoint) -> None:
        self.layout = layout
        self.programs = programs
        self.name = name
        self.service = service
        self.endpoint = endpoint
        self.settings: dict[str, Any] = {}

    @property
    def role(self) -> str | None:
        """`primary` or `replica` for a part whose place another one may take, else None."""
        return None

    @property
    def log(self) -> Path:
        """The file that its output goes to."""
        return self.layout.log(self.name)

    async def prepare(self) -> None:
        """Write what the process reads; called before every start."""
        return

    @abstractmethod
    def command(self) -> Command:
        """Give the command, with the settings in force."""

    @abstractmethod
    async def probe(self) -> str:
        """Say why the part is not ready yet; empty when it is. Connection errors may be raised as OSError."""

    @abstractmethod
    def config(self) -> dict[str, str]:
        """Give the configuration in force; secrets are shown as `<secret>` or, where they are ordinary variables, `<open secret>`."""
