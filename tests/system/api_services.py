"""The API's services with a store, and with nothing else."""

import asyncio
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any, cast

from system.api.services import Services
from system.common.config import StorageSettings
from system.common.s3 import ObjectStore
from tests.system.store_stand_in import WITHIN_S, StandIn

NOTHING = cast("Any", None)


def with_services(store: StandIn, work: Callable[[Services], Awaitable[None]], *, limit_s: float = 60.0) -> None:
    """Let a coroutine work with that store alone, and with one thread for what takes long."""

    async def run(storage: StorageSettings) -> None:
        quick, bulk = ObjectStore(storage), ObjectStore(storage, threads=1, limit_s=limit_s)
        settings = cast("Any", SimpleNamespace(storage=storage, master_retention_s=1))
        try:
            await bulk.run(lambda _s3: None, WITHIN_S)  # the client is built
            await work(Services(settings, NOTHING, NOTHING, NOTHING, quick, bulk, NOTHING, NOTHING))
        finally:
            quick.close()
            bulk.close()

    with store.serving() as storage:
        asyncio.run(run(storage))
