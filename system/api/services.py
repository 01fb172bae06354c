"""Hold what the routes work with: pools, stores, keys; opened and closed with the application."""

import asyncio
import hashlib
import secrets
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any, cast

from fastapi import Depends, Request
from psycopg import AsyncConnection
from psycopg.rows import DictRow

from system.api.limits import RateLimits
from system.api.optional_redis import AT_ONCE, OptionalRedis
from system.api.settings import ApiSettings
from system.api.storage import read_into, stated_sha256
from system.common import metrics
from system.common.database import (
    Pool,
    Redis,
    database_span,
    drop_connections,
    open_redis,
    postgres_pool,
    replace_connections,
    time_limit,
)
from system.common.health import Readiness
from system.common.live import follow
from system.common.logging import get_logger
from system.common.s3 import ObjectStore

__all__ = ["READ_AT_ONCE_BYTES", "Service", "Services", "open_services"]

Between = Callable[[], Awaitable[object]]

CONNECTION_WAIT_S = 1.0  # a request asks up to three times, and is not to hang when there is none
DATABASE_TIMEOUT_S = 4.0  # for everything a request does in one go
READ_AT_ONCE_BYTES = 1024**3  # in the time that `bulk` has, from a store that gives 12 MB/s

log = get_logger("api")


@dataclass(frozen=True)
class Services:
    """Hold the open clients. `bulk` is for copies and checksums, which may take a minute."""

    settings: ApiSettings
    pool: Pool
    redis: Redis
    optional_redis: OptionalRedis
    store: ObjectStore
    bulk: ObjectStore
    readiness: Readiness
    limits: RateLimits

    async def object_sha256(
        self, bucket: str, key: str, version_id: str | None = None, *, between: Between | None = None
    ) -> tuple[int, str] | None:
        """Give size and SHA-256 (hex) of an object, None when it is not there; `between` is for reading it."""
        found = await self.store.run(lambda s3: stated_sha256(s3, bucket, key, version_id))
        if found is None:
            return None
        size_bytes, stated = found
        return size_bytes, stated or await self.read_sha256(bucket, key, size_bytes, version_id, between=between)

    async def read_sha256(
        self, bucket: str, key: str, size_bytes: int, version_id: str | None = None, *, between: Between | None = None
    ) -> str:
        """Give the SHA-256 (hex) of an object by reading it, which ends when its caller leaves: threads are few.

        What is too large for one call takes several; `between` is awaited between two.
        """
        digest, stop = hashlib.sha256(), threading.Event()
        try:
            for first in range(0, size_bytes, READ_AT_ONCE_BYTES):
                if first and between:
                    await between()
                last = min(first + READ_AT_ONCE_BYTES, size_bytes) - 1
                await self.bulk.run(
                    partial(
                        read_into,
                        digest=digest,
                        bucket=bucket,
                        key=key,
                        version_id=version_id,
                        first=first,
                        last=last,
                        stop=stop,
                    )
                )
        finally:
            stop.set()
        return digest.hexdigest()

    @asynccontextmanager
    async def database(self) -> AsyncIterator[AsyncConnection[DictRow]]:
        """Lend a connection in autocommit mode; statements that belong together go into `connection.transaction()`."""
        with database_span():
            async with self.pool.connection() as connection, time_limit(connection, DATABASE_TIMEOUT_S):
                yield connection

    async def row(self, query: Any, values: tuple[object, ...] | dict[str, object]) -> DictRow | None:
        """Run one statement and give its first row."""
        async with self.database() as connection:
            cursor = await connection.execute(query, values)
            return await cursor.fetchone() if cursor.description else None


def _of(request: Request) -> Services:
    return cast("Services", request.app.state.services)


Service = Annotated[Services, Depends(_of)]


@asynccontextmanager
async def open_services(settings: ApiSettings) -> AsyncIterator[Services]:
    """Open everything without waiting for it: the instance listens at once, and is ready when its dependencies are."""
    name = settings.service.instance
    # One connection is the probe's own, so that a busy pool does not take the instance out of the balancer.
    pool = postgres_pool(
        settings.database, name=name, max_size=settings.database_pool_size - 1, wait_s=CONNECTION_WAIT_S
    )
    probe_pool = postgres_pool(settings.database, name=f"{name} probe", max_size=1, wait_s=1.0)
    redis, probe_redis = open_redis(settings.redis), open_redis(settings.redis, max_connections=2)
    optional = open_redis(settings.redis, max_connections=2 * AT_ONCE)  # those of questions broken off come back late
    optional_redis = OptionalRedis(optional)
    store = ObjectStore(settings.storage)
    bulk = ObjectStore(settings.storage, threads=4, read_timeout_s=30.0, attempts=1, limit_s=90.0)

    async def postgres() -> None:
        async with probe_pool.connection() as connection:
            row = await (await connection.execute("select pg_is_in_recovery() as standby")).fetchone()
            if not row or row["standby"]:
                raise ConnectionError("the server is a standby")

    async def ping() -> None:
        await probe_redis.ping()

    limits = RateLimits(
        optional_redis,
        client=settings.client_limit,
        account=settings.account_limit,
        unlimited=settings.unlimited_networks,
    )
    readiness = Readiness({"postgres": postgres, "redis": ping, "s3": lambda: store.probe(settings.storage.staging)})
    await pool.open()
    await probe_pool.open()
    metrics.watch_pool(pool.get_stats)
    passwords = settings.database.passwords
    beside = [
        asyncio.create_task(_warm(store), name="warm the S3 client"),
        *(
            asyncio.create_task(follow(passwords, partial(replace_connections, each, passwords)))
            for each in (pool, probe_pool)
        ),
        *(
            asyncio.create_task(follow(settings.redis.passwords, partial(drop_connections, each)))
            for each in (redis, probe_redis, optional)
        ),
    ]
    try:
        yield Services(settings, pool, redis, optional_redis, store, bulk, readiness, limits)
    finally:
        for task in beside:
            task.cancel()
        closing = (each.aclose() for each in (redis, probe_redis, optional))
        await asyncio.gather(pool.close(2.0), probe_pool.close(2.0), *closing, return_exceptions=True)
        store.close()
        bulk.close()


async def _warm(store: ObjectStore) -> None:
    """Import boto3 and build the clients before the first upload asks for them."""
    key = secrets.token_hex(8)
    await store.run(lambda _client: None)
    await store.presign(lambda s3: s3.generate_presigned_url("get_object", Params={"Bucket": "warm", "Key": key}))
