"""One PostgreSQL server by itself, where the primary is otherwise: for what needs no more of the system."""

import asyncio
import signal
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from system.platforms.local.bootstrap_postgres import DATABASE, bootstrap
from system.platforms.local.children import Children
from system.platforms.local.keeper import Keeper
from system.platforms.local.layout import Layout
from system.platforms.local.parts.postgres import Postgres
from system.platforms.local.programs import Programs
from system.platforms.local.secret_files import SecretFiles


@asynccontextmanager
async def lone_server(
    layout: Layout, children: Children, settings: Mapping[str, str] | None = None
) -> AsyncIterator[Postgres]:
    """Run it, with the product's roles and an empty database, until the end of `async with`, and `children` with it."""
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
        asyncio.get_running_loop().remove_signal_handler(signal.SIGCHLD)
