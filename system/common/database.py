"""Open bounded pools to Postgres and Redis, with a time limit on every way they can hang."""

import asyncio
import os
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import psycopg
import redis.asyncio
import redis.exceptions
from psycopg import AsyncConnection
from psycopg.rows import DictRow, dict_row
from psycopg_pool import AsyncConnectionPool
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialBackoff

from system.common.config import DatabaseSettings, RedisSettings

__all__ = ["Pool", "Redis", "open_redis", "postgres_pool", "time_limit"]

CHECK_S = 0.8

Pool = AsyncConnectionPool[AsyncConnection[DictRow]]
Redis = redis.asyncio.Redis


@asynccontextmanager
async def time_limit(connection: AsyncConnection[Any], seconds: float) -> AsyncIterator[None]:
    """Break the connection, which raises OperationalError, when the work on it takes longer.

    Cancelling the task instead would make psycopg wait ten seconds more for a server that does not answer.
    """

    def shut() -> None:
        with suppress(OSError), socket.socket(fileno=os.dup(connection.fileno())) as stuck:
            stuck.shutdown(socket.SHUT_RDWR)

    timer = asyncio.get_running_loop().call_later(seconds, shut)
    try:
        yield
    finally:
        timer.cancel()


async def _check(connection: AsyncConnection[DictRow]) -> None:
    """Prove a connection before it is lent; when one has died, replace the idle ones: most likely they have too.

    The pool by itself would try them one after the other, with growing pauses, past the time that a caller waits.
    """
    pool = connection._pool  # noqa: SLF001 - the pool passes no reference to itself
    try:
        async with time_limit(connection, CHECK_S):
            await AsyncConnectionPool.check_connection(connection)
    except psycopg.OperationalError:
        if isinstance(pool, AsyncConnectionPool):
            await pool.drain()
        raise


def postgres_pool(settings: DatabaseSettings, *, name: str, max_size: int, wait_s: float = 2.0) -> Pool:
    """Make a pool, not yet opened; waiting longer than `wait_s` for a connection raises PoolTimeout.

    Connections are in autocommit mode: statements that belong together go into `async with connection.transaction()`.
    No prepared statements and no session state, so that it works through a pooler in transaction mode.
    """
    return AsyncConnectionPool(
        settings.url,
        kwargs={
            "password": settings.password,
            "autocommit": True,
            "application_name": name,
            "connect_timeout": 2,
            "tcp_user_timeout": 5000,
            "keepalives_idle": 10,
            "prepare_threshold": None,
            "row_factory": dict_row,
        },
        min_size=1,
        max_size=max_size,
        max_waiting=8 * max_size,
        timeout=wait_s,
        max_idle=60,
        max_lifetime=1800,
        reconnect_timeout=10,
        check=_check,
        open=False,
        name=name,
    )


def open_redis(settings: RedisSettings, *, max_connections: int = 16, read_timeout_s: float = 1.0) -> Redis:
    """Make a client with a bounded pool; it connects on first use.

    A lost connection is replaced and the command repeated once; a time-out is not repeated.
    """
    options: dict[str, Any] = {}
    if settings.ca is not None:
        options = {"ssl_ca_certs": str(settings.ca), "ssl_cert_reqs": "required", "ssl_check_hostname": True}
        options["ssl_min_version"] = ssl.TLSVersion.TLSv1_2
    return redis.asyncio.Redis.from_url(
        settings.url,
        password=settings.password,
        decode_responses=True,
        max_connections=max_connections,
        socket_connect_timeout=1.0,
        socket_timeout=read_timeout_s,
        retry=Retry(ExponentialBackoff(cap=0.2, base=0.02), 1, (redis.exceptions.ConnectionError,)),
        **options,
    )
