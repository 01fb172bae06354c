"""A base backup at somebody's word, beside those of the schedule."""

import os

from system.platforms.local.barman import tool_command
from system.platforms.local.children import Command
from system.platforms.local.instance import Instance
from system.platforms.local.layout import PROJECT

# Whoever asked waits for four minutes, and what is to be done after the backup takes its time too.
_WITHIN_S = 180.0


async def back_up(instance: Instance) -> None:
    """Make a base backup; Barman ends when the server calls the log that it needs archived. Raises PartFailed."""
    environment = {"PATH": os.defpath, "TZ": "UTC", "LC_ALL": "C.UTF-8", "PYTHONPATH": str(PROJECT)}
    environment["PYTHONDONTWRITEBYTECODE"] = "1"
    command = Command(tool_command(instance.layout, "backup"), environment, instance.layout.run)
    log = instance.layout.log("base-backup")
    await instance.children.run("base-backup", command, log, deadline_s=_WITHIN_S)
