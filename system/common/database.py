"""Open bounded pools to Postgres and Redis, with a time limit on every way they can hang."""

import asyncio
import os
import select
import socket
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import AbstractContextManager, asynccontextmanager, suppress
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg
import redis.asyncio
import redis.exceptions
from psycopg import AsyncConnection
from psycopg.rows import DictRow, dict_row
from psycopg_pool import AsyncConnectionPool, TooManyRequests
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel
from redis.backoff import ExponentialBackoff
from redis.credentials import CredentialProvider

from system.common import tracing
from system.common.config import DatabaseSettings, RedisSettings
from system.common.live import Live
from system.common.single_connection import is_refused

__all__ = [
    "Pool",
    "Redis",
    "database_span",
    "drop_connections",
    "open_redis",
    "postgres_pool",
    "replace_connections",
    "time_limit",
]

CHECK_S = 0.8
FRESH_S = 0.5  # as HikariCP has it: its aliveBypassWindowMs
SENTINEL_S = 0.3  # one that hangs is passed over

Pool = AsyncConnectionPool[AsyncConnection[DictRow]]
Redis = redis.asyncio.Redis


def database_span() -> AbstractContextManager[tracing.Span]:
    """Measure one use of a connection, with the wait for it."""
    return tracing.span("postgresql", tracing.SpanKind.CLIENT, {"db.system.name": "postgresql"})


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

    The pool by itself would try them one after the other, with growing pauses, past the time that a caller waits. One that has
    served a moment ago and was not closed since needs no proof, which would cost as much as most statements do.
    """
    if isinstance(connection, _Connection) and connection.fresh():
        return
    pool = connection._pool  # noqa: SLF001 - the pool passes no reference to itself
    try:
        async with time_limit(connection, CHECK_S):
            await AsyncConnectionPool.check_connection(connection)
    except psycopg.OperationalError:
        if isinstance(pool, AsyncConnectionPool):
            await pool.drain()
        raise


class _Connection(AsyncConnection[DictRow]):
    """A connection that is opened with the password of the moment."""

    served_s = float("-inf")

    def fresh(self) -> bool:
        """Tell whether it served within `FRESH_S`, and nothing has come from the server since, such as its end."""
        if time.monotonic() - self.served_s > FRESH_S:
            return False
        waiting = select.poll()
        waiting.register(self.fileno(), select.POLLIN)
        return not waiting.poll(0)

    @classmethod
    async def connect(  # type: ignore[override]
        cls, conninfo: str = "", *, passwords: Live[tuple[str, ...]], **options: Any
    ) -> "_Connection":
        """Try the old and the new password in turn, and again with those that came meanwhile."""
        while True:
            tried = passwords.now
            for password in tried:
                try:
                    return await super().connect(conninfo, password=password, **options)
                except psycopg.OperationalError as error:
                    if not is_refused(error) or (password == tried[-1] and passwords.now is tried):
                        raise


class _Bounded(AsyncConnectionPool[AsyncConnection[DictRow]]):
    """A pool that turns callers away once `most_waiting` wait.

    Its own bound counts those who have given up as well, and is asked before it tries to connect: once its tries have ended in
    an outage, a full queue of the departed would keep it from ever trying again.
    """

    def __init__(self, conninfo: str, *, most_waiting: int, **options: Any) -> None:
        super().__init__(conninfo, reconnect_failed=_forget_departed, **options)
        self._most_waiting, self._callers = most_waiting, 0

    async def getconn(self, timeout: float | None = None) -> AsyncConnection[DictRow]:  # noqa: ASYNC109 - the pool's own
        """Lend a connection; raises TooManyRequests at once where too many wait for one."""
        if self._callers >= self._most_waiting:
            raise TooManyRequests(f"{self._callers} wait for a connection of {self.name} already")
        self._callers += 1
        try:
            return await super().getconn(timeout)
        finally:
            self._callers -= 1

    async def putconn(self, conn: AsyncConnection[DictRow]) -> None:
        """Take a connection back."""
        if isinstance(conn, _Connection):
            conn.served_s = time.monotonic()
        await super().putconn(conn)


def _forget_departed(pool: Pool) -> None:
    """Drop who waits no more; the pool itself does so with its next connection, which an outage may keep from it for hours."""
    waiting = pool._waiting  # noqa: SLF001 - the pool has no other way
    for _ in range(len(waiting)):
        client = waiting.popleft()
        if client.conn is None and client.error is None:
            waiting.append(client)


def postgres_pool(settings: DatabaseSettings, *, name: str, max_size: int, wait_s: float = 2.0) -> Pool:
    """Make a pool, not yet opened; waiting longer than `wait_s` for a connection raises PoolTimeout, or at once TooManyRequests.

    Connections are in autocommit mode: statements that belong together go into `async with connection.transaction()`.
    No prepared statements and no session state, so that it works through a pooler in transaction mode.
    """
    return _Bounded(
        settings.url,
        connection_class=_Connection,
        kwargs={
            "passwords": settings.passwords,
            "autocommit": True,
            "application_name": name,
            "connect_timeout": 2,
            "tcp_user_timeout": 5000,
            "keepalives_idle": 10,
            "prepare_threshold": None,
            "row_factory": dict_row,
        },
        # Whole from the start: at a distance a connection takes a second to open, longer than a caller waits for one.
        min_size=max_size,
        max_size=max_size,
        most_waiting=8 * max_size,
        timeout=wait_s,
        max_idle=60,
        max_lifetime=1800,
        reconnect_timeout=2,  # else the pauses between its tries grow to four seconds, and go on when the server is back
        check=_check,
        open=False,
        name=name,
    )


async def replace_connections(pool: Pool, passwords: Live[tuple[str, ...]]) -> None:
    """Have each connection opened anew once there is one password again: while two are in force, the open ones serve."""
    if len(passwords.now) == 1:
        await pool.drain()


class _Newest(CredentialProvider):
    """Signs each new connection in with the password of the moment."""

    def __init__(self, settings: RedisSettings) -> None:
        self._user = urlsplit(settings.url).username
        self._passwords = settings.passwords

    def get_credentials(self) -> tuple[str] | tuple[str, str]:
        """Give user and password."""
        password = self._passwords.now[-1]
        return (self._user, password) if self._user else (password,)

    async def get_credentials_async(self) -> tuple[str] | tuple[str, str]:
        """Give them to a client that is asynchronous."""
        return self.get_credentials()


class _Following(redis.asyncio.Redis):
    """A client whose connections go to the server that the Sentinels call the primary when they are opened."""

    @property
    def sentinels(self) -> list[Redis]:
        """The clients of the Sentinels."""
        pool: Any = self.connection_pool
        return list(pool.sentinel_manager.sentinels)

    async def aclose(self, close_connection_pool: bool | None = None) -> None:
        """Close it, and those that it asks."""
        await super().aclose(close_connection_pool)
        for each in self.sentinels:
            await each.aclose()


async def drop_connections(client: Redis) -> None:
    """Close the idle connections, and each busy one as soon as its command is done: new ones sign in anew."""
    for each in (client, *(client.sentinels if isinstance(client, _Following) else ())):
        pool: Any = each.connection_pool  # redis-py leaves this call untyped
        await pool.update_active_connections_for_reconnect()
        await pool.disconnect(inuse_connections=False)


def open_redis(settings: RedisSettings, *, max_connections: int = 16, read_timeout_s: float = 1.0) -> Redis:
    """Make a client with a bounded pool; it connects on first use.

    A lost connection is replaced and the command repeated once; a time-out is not repeated. With Sentinels, each new
    connection asks them first, so that the client follows a failover as soon as its connections to the old primary end.
    """
    options: dict[str, Any] = {
        "credential_provider": _Newest(settings),  # the user signs in by it
        "decode_responses": True,
        "socket_connect_timeout": 1.0,
        "retry": Retry(ExponentialBackoff(cap=0.2, base=0.02), 1, (redis.exceptions.ConnectionError,)),
    }
    if settings.ca is not None:
        options |= {"ssl_ca_certs": str(settings.ca), "ssl_cert_reqs": "required", "ssl_check_hostname": True}
        options["ssl_min_version"] = ssl.TLSVersion.TLSv1_2
    own: dict[str, Any] = {"max_connections": max_connections, "socket_timeout": read_timeout_s}
    parts = urlsplit(settings.url)
    if settings.sentinels is None:
        url = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
        return redis.asyncio.Redis.from_url(url, **options, **own)
    options |= {"ssl": True} if settings.ca is not None else {}
    asked = {**options, "socket_connect_timeout": SENTINEL_S, "socket_timeout": SENTINEL_S}
    manager = Sentinel(settings.sentinels.places, sentinel_kwargs=asked)  # type: ignore[no-untyped-call]
    database = int(parts.path.strip("/") or 0)
    client: Redis = manager.master_for(settings.sentinels.name, redis_class=_Following, db=database, **options, **own)
    return client
