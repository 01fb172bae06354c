"""The plan of a rebuild, written and looked at from within the supervisor.

SOPS is a program, and who runs it waits for it; the supervisor is no place for that (see `children`). So `kept` does it in a
process of its own, which prints names alone: no value comes into the supervisor's memory, or into a log.
"""

import asyncio
import json
from collections.abc import Sequence
from typing import Any

from system.platforms.local.barman import ENVIRONMENT, module_command
from system.platforms.local.children import Children, Command
from system.platforms.local.layout import Layout


class Keeping:
    """Keeps the plan up, one act at a time.

    Args:
        layout: whose plan.
        children: the supervisor's children.

    Attributes:
        held: whether the plan stays as it is.
    """

    def __init__(self, layout: Layout, children: Children) -> None:
        self._layout = layout
        self._children = children
        self._turn = asyncio.Lock()
        self.held = False

    async def keep(self, without: Sequence[str] = ()) -> None:
        """Write the plan anew, unless it is held; raises PartFailed when it cannot be encrypted, and then it is as it was."""
        async with self._turn:
            if not self.held:
                await self._run("keep", "--", *without)

    async def report(self) -> dict[str, Any]:
        """Say what the plan names, and whether it says what is in force now; raises PartFailed when it cannot be read."""
        async with self._turn:
            return dict(json.loads((await self._run("report")).splitlines()[-1]))

    async def _run(self, *words: str) -> str:
        layout = self._layout
        command = Command(module_command(layout, "kept", *words), ENVIRONMENT, layout.run)
        return await self._children.run("kept", command, layout.log("kept"))
