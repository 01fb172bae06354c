"""Move the live schema: never up without a base backup from just before."""

import json
from typing import Any

from system.platforms.local.base_backup import back_up
from system.platforms.local.errors import BadRequest
from system.platforms.local.instance import Instance


async def move(instance: Instance, to: str | None) -> dict[str, Any]:
    """Bring the live schema up or down to the revision `to`, or up to the release's newest.

    What is applied can be taken back by its way down, but what that loses is only in a backup: so one ends before the first
    revision begins, and without it nothing is applied. Raises BadRequest for a revision that the release does not have, and
    PartFailed where the backup or the runner fails.
    """
    async with instance.changing:
        now = json.loads(await instance.migrate(action=["status"]))
        applied, pending = now["applied"], now["pending"]
        target = to or (pending or applied)[-1]
        if target in pending:
            await back_up(instance)
            moved = await _run(instance, "up", pending.index(target) + 1)
            return {"applied": moved["changed"], "reverted": [], "head": moved["head"]}
        if target not in applied:
            raise BadRequest(f"the release has no revision {target!r}", 404)
        newer = len(applied) - 1 - applied.index(target)
        if not newer:
            return {"applied": [], "reverted": [], "head": now["head"]}
        moved = await _run(instance, "down", newer)
        return {"applied": [], "reverted": moved["changed"], "head": moved["head"]}


async def make_ready(instance: Instance, coming: str) -> None:
    """Apply what a release brings that is about to be deployed, but for what contracts, behind a base backup.

    Raises PartFailed where the backup or the runner fails.
    """
    if json.loads(await instance.migrate(action=["up", "--dry-run"], coming=coming))["changed"]:
        await back_up(instance)
        await instance.migrate(coming=coming)


async def _run(instance: Instance, direction: str, steps: int) -> dict[str, Any]:
    result: dict[str, Any] = json.loads(await instance.migrate(action=[direction, "--steps", str(steps)]))
    return result
