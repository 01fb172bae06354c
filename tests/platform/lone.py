"""What needs little of the system: an instance of which nothing runs yet, and one PostgreSQL server by itself."""

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from system.platforms.local.bootstrap_postgres import DATABASE, bootstrap
from system.platforms.local.children import Children
from system.platforms.local.instance import Instance, Timings
from system.platforms.local.keeper import Keeper
from system.platforms.local.layout import Layout
from system.platforms.local.parts.postgres import Postgres
from system.platforms.local.places import Places
from system.platforms.local.programs import Programs
from system.platforms.local.secret_files import SecretFiles


@asynccontextmanager
async def idle_instance(layout: Layout) -> AsyncIterator[Instance]:
    """Give an instance with its release built; whoever starts a part of it stops it before the end of `async with`."""
    layout.make()
    programs, children, began = Programs.find(), Children(), Timings(time.monotonic())
    try:
        yield Instance(layout, programs, children, print, began, [], Places(layout), watched=False)
    finally:
        asyncio.get_running_loop().remove_signal_handler(signal.SIGCHLD)


@asynccontextmanager
async def lone_server(
    layout: Layout, children: Children, settings: Mapping[str, str] | None = None
) -> AsyncIterator[Postgres]:
    """Run a server where the primary is otherwise, with the product's roles and an empty database, until the end of `async with`."""
    secrets = SecretFiles(layout.secrets)
    server = Postgres(layout, Programs.find(), children, secrets, durable=False)
    server.settings = dict(settings or {})
    keeper = Keeper(server, children, print)
    keeper.start()
    try:
        await keeper.wait_ready()
        await bootstrap(server.admin_dsn("postgres"), server.admin_dsn(DATABASE), secrets)
        yield server
    finally:
        await keeper.stop()
