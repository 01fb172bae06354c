"""Restart a part, or lose it: what members of the cluster need beside what every part does."""

import asyncio
import shutil
import signal

from system.platforms.local.errors import BadRequest, PartFailed
from system.platforms.local.instance import Instance
from system.platforms.local.keeper import Keeper, State
from system.platforms.local.parts.member import Member


async def restart(instance: Instance, keeper: Keeper, *, at_once: bool) -> None:
    """Restart a part with its settings of now; raises PartFailed when it does not become ready.

    The primary's server is restarted below its Patroni: were the whole part stopped, its standby would take its place.
    """
    part = keeper.part
    if isinstance(part, Member) and keeper.state is State.READY and not part.follows:
        part.write_overrides()
        trouble = await instance.cluster.restart_server(part.name)
        if trouble:
            raise PartFailed(part.name, trouble)
        return
    await keeper.stop()
    keeper.start()
    if not at_once:
        await keeper.wait_ready()


async def lose(instance: Instance, name: str) -> None:
    """Lose a member with its data, and put an empty one in its place, which nobody waits for. Raises BadRequest."""
    keeper = instance.keeper(name)
    if not isinstance(keeper.part, Member):
        raise BadRequest(f"only {' and '.join(instance.cluster.members)} can be lost, not {name!r}")
    await keeper.stop(signal.SIGKILL)
    await asyncio.to_thread(shutil.rmtree, keeper.part.data)
    keeper.start()
