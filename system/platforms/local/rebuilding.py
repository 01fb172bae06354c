"""The database of a lost region, restored from its newest backup and the log behind it, and handed to the cluster."""

import asyncio
import shutil
from collections.abc import Callable

from system.platforms.local import region
from system.platforms.local.errors import PartFailed
from system.platforms.local.fetching import fetch
from system.platforms.local.instance import Instance
from system.platforms.local.keeper import Keeper
from system.platforms.local.parts.rebuilt import Rebuilt


async def restore_database(instance: Instance, done: Callable[[str], None]) -> None:
    """Restore into the data of the first member, which is started next; `done` takes each step that was made.

    Raises PartFailed where recovery ends before the end of the log that is there: what is behind a gap would be lost
    without a word.
    """
    server = Rebuilt(instance.layout, instance.programs, instance.children, instance.secrets)
    fetched = await fetch(instance, server, None, None)
    done("fetched")
    keeper = Keeper(server, instance.children, instance.tell)
    keeper.start()
    try:
        try:
            await keeper.wait_ready()
        except PartFailed as error:
            raise PartFailed(server.name, server.failure() or error.reason) from None
        reached = await server.reached()
        if fetched["last"] and reached["segment"] != fetched["last"]:
            where = f"recovery ended behind segment {reached['segment'] or 'none'}"
            raise PartFailed(server.name, f"{where}, and the archived log goes on to {fetched['last']}")
        await server.claim()
    finally:
        await keeper.stop()
    instance.tell(f"backup {fetched['backup']} and the log behind it, to {reached['at']}, segment {reached['segment']}")
    await asyncio.to_thread(shutil.rmtree, server.archive)
    await asyncio.to_thread(region.finish, instance.layout)
    instance.postgres.rebuilt = True
    done("recovered")
