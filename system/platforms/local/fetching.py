"""A base backup and the log behind it, fetched for a server that recovers from them."""

import datetime as dt
import json
from typing import Any

from system.platforms.local.barman import ENVIRONMENT, module_command
from system.platforms.local.children import Command
from system.platforms.local.instance import Instance
from system.platforms.local.parts.restored import Restored

_FETCHED_WITHIN_S = 120.0


async def fetch(instance: Instance, server: Restored, backup: str | None, to: dt.datetime | None) -> dict[str, Any]:
    """Fetch into the server's own folders; gives what `fetch_backup` says, raises PartFailed where there is nothing to fetch.

    Args:
        instance: whose backups.
        server: not running; its folders are not there yet.
        backup: which one; None is the newest that ended before `to`.
        to: a moment; None is now.
    """
    for directory in (server.data, server.archive):
        directory.mkdir(mode=0o700)
    wanted = [*([f"--backup={backup}"] if backup else []), *([f"--to={to.isoformat()}"] if to else [])]
    where = [str(server.data), str(server.archive)]
    layout = instance.layout
    command = Command(module_command(layout, "fetch_backup", *wanted, *where), ENVIRONMENT, layout.run)
    log = layout.log(f"{server.name}-fetch")
    said = await instance.children.run(server.name, command, log, deadline_s=_FETCHED_WITHIN_S)
    return dict(json.loads(said.splitlines()[-1]))
