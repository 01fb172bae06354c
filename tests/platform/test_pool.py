"""The services' pool of connections in front of a database that is away for longer than the pool tries."""

import asyncio
import contextlib
import socket

import pytest
from psycopg import AsyncConnection, OperationalError, conninfo
from psycopg.rows import DictRow
from psycopg_pool import AsyncConnectionPool, PoolTimeout, TooManyRequests

from system.common.config import DatabaseSettings
from system.common.database import Pool, postgres_pool
from system.common.live import Live
from system.platforms.local.addresses import Endpoint
from system.platforms.local.parts.services import database_variables
from tests.platform.bench import Running

WITHIN_S = 30.0
CALLERS = 20


class Door:
    """A way to an endpoint that is open in `async with`; nobody answers there before."""

    def __init__(self, target: Endpoint) -> None:
        self._target = target
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port: int = free.getsockname()[1]
        self._ways: list[asyncio.Future[None]] = []

    async def __aenter__(self) -> None:
        self._server = await asyncio.start_server(self._pass, "127.0.0.1", self.port)

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for way in self._ways:
            way.cancel()
        await asyncio.gather(*self._ways, return_exceptions=True)

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(self._target.address, self._target.port)
        self._ways += [asyncio.ensure_future(_copy(reader, back)), asyncio.ensure_future(_copy(there, writer))]


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        with contextlib.suppress(ConnectionError):
            while some := await reader.read(65536):
                writer.write(some)
                await writer.drain()
    finally:
        writer.close()


async def ask(pool: Pool) -> str:
    """Ask for a connection; gives what came of it."""
    try:
        async with pool.connection() as connection:
            await connection.execute("select 1")
    except (PoolTimeout, TooManyRequests) as error:
        return type(error).__name__
    return "answered"


def test_a_pool_is_back_after_an_outage_that_outlasts_its_tries(running: Running) -> None:
    pooler = running.layout.addresses.endpoint("pgbouncer")
    door = Door(pooler)
    url = database_variables(pooler, running.layout.root_certificate, "api")["DATABASE_URL"]
    password = (running.layout.secrets / "postgres-api").read_text().strip()
    through = conninfo.make_conninfo(url, hostaddr="127.0.0.1", port=door.port)
    settings = DatabaseSettings(through, Live((password,)))

    async def work() -> None:
        async with asyncio.timeout(WITHIN_S), postgres_pool(settings, name="test", max_size=1, wait_s=0.2) as pool:
            first = await asyncio.gather(*(ask(pool) for _ in range(CALLERS)))
            assert set(first) == {"PoolTimeout", "TooManyRequests"}, (
                "some wait, and who would wait behind many is turned away"
            )
            while pool.get_stats()["pool_size"]:
                await asyncio.gather(*(ask(pool) for _ in range(CALLERS)))
            async with door:
                while "answered" not in await asyncio.gather(ask(pool)):
                    pass

    asyncio.run(work())


def test_what_has_just_served_is_lent_unproven_unless_it_has_ended(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    pooler = running.layout.addresses.endpoint("pgbouncer")
    door = Door(pooler)
    url = database_variables(pooler, running.layout.root_certificate, "api")["DATABASE_URL"]
    password = (running.layout.secrets / "postgres-api").read_text().strip()
    through = conninfo.make_conninfo(url, hostaddr="127.0.0.1", port=door.port)
    settings = DatabaseSettings(through, Live((password,)))
    proven: list[bool] = []
    prove = AsyncConnectionPool.check_connection

    async def counted(connection: AsyncConnection[DictRow]) -> None:
        try:
            await prove(connection)
        except OperationalError:
            proven.append(False)
            raise
        proven.append(True)

    monkeypatch.setattr(AsyncConnectionPool, "check_connection", staticmethod(counted))

    async def work() -> None:
        async with asyncio.timeout(WITHIN_S):
            async with door:
                pool = postgres_pool(settings, name="test", max_size=1)
                await pool.open(wait=True)
                assert [await ask(pool) for _ in range(3)] == ["answered"] * 3
                assert proven == [True]
            async with pool, door:
                assert await ask(pool) == "answered"
                assert proven == [True, False, True]

    asyncio.run(work())
