"""A base backup at somebody's word, beside those of the schedule."""

from system.platforms.local.barman import ENVIRONMENT, tool_command
from system.platforms.local.children import Command
from system.platforms.local.instance import Instance

# Whoever asked waits for four minutes, and what is to be done after the backup takes its time too.
_WITHIN_S = 180.0


async def back_up(instance: Instance) -> None:
    """Make a base backup; Barman ends when the server calls the log that it needs archived. Raises PartFailed."""
    command = Command(tool_command(instance.layout, "backup"), ENVIRONMENT, instance.layout.run)
    log = instance.layout.log("base-backup")
    await instance.children.run("base-backup", command, log, deadline_s=_WITHIN_S)
