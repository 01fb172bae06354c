"""Run the worker's loops beside its probes: consumer, relay, heartbeat."""

import asyncio
import json
import os
import secrets
import time
from collections.abc import Awaitable, Callable

import psycopg
from redis.exceptions import RedisError

from system.common.database import drop_connections, open_redis, postgres_pool, replace_connections, time_limit
from system.common.health import Probe
from system.common.lifecycle import draining, wait_or_draining
from system.common.live import follow
from system.common.logging import get_logger
from system.common.metrics import watch_pool
from system.common.s3 import ObjectStore
from system.worker import metrics
from system.worker.attempt import Attempts
from system.worker.backoff import Backoff
from system.worker.consumer import Consumer
from system.worker.encoder import Encoder, choose_encoder, find_ffmpeg
from system.worker.errors import EncoderLostError, PipelineError
from system.worker.jobs import Jobs
from system.worker.relay import Relay
from system.worker.settings import WorkerSettings
from system.worker.source import Limits
from system.worker.storage import JobStorage
from system.worker.stream import JobStream
from system.worker.workspace import Workspace

__all__ = ["WorkerService"]

S3_TIMEOUT_S = 10.0  # without a byte
TRANSFER_S = 900.0  # for the whole of a file
RELAY_EVERY_S = 0.25
HEARTBEAT_EVERY_S, HEARTBEAT_TTL_S = 5.0, 15
ENCODER_EVERY_S = 30.0
DEAD_CONSUMER_S = 600.0

log = get_logger("worker")


class WorkerService:
    """Own the connections and the loops of one worker process."""

    def __init__(self, settings: WorkerSettings) -> None:
        self.settings = settings
        owner = f"{settings.service.instance}.{secrets.token_hex(4)}"
        self._pool = postgres_pool(settings.database, name=owner, max_size=settings.database_pool_size)
        self._redis = open_redis(settings.redis, read_timeout_s=3.0)
        self._store = ObjectStore(settings.storage, read_timeout_s=S3_TIMEOUT_S, limit_s=TRANSFER_S)
        self._jobs = Jobs(self._pool, owner=owner, lease_s=settings.lease_s, attempts=settings.attempts)
        self._stream = JobStream(self._redis, consumer=owner, lease_s=settings.lease_s)
        self._relay = Relay(self._pool, self._redis, grace_s=settings.lease_s)
        self._encoder: Encoder | None = None
        self._ffmpeg = ""
        self._workspace: Workspace | None = None
        self._loops: asyncio.Task[None] | None = None
        self._beside: list[asyncio.Task[None]] = []

    def probes(self) -> dict[str, Probe]:
        """Give the readiness probes; `ffmpeg` also stands for an encoder that works."""
        return {
            "postgres": self._postgres,
            "redis": self._redis.ping,
            "s3": self._s3,
            "ffmpeg": self._encodes,
            "disk": self._room,
        }

    async def start(self) -> None:
        """Start the loops; what is not reachable yet is waited for by them."""
        self._workspace = Workspace()
        if self._workspace.swept:
            log.warning("removed what a killed worker left", extra={"directories": self._workspace.swept})
        await self._pool.open(wait=False)
        watch_pool(self._pool.get_stats)
        self._loops = asyncio.create_task(self._run(self._workspace), name="worker loops")
        passwords = self.settings.database.passwords
        self._beside = [
            asyncio.create_task(follow(passwords, lambda: replace_connections(self._pool, passwords))),
            asyncio.create_task(follow(self.settings.redis.passwords, lambda: drop_connections(self._redis))),
        ]

    async def stop(self) -> None:
        """Wait for the loops, which end by themselves once the process drains, and close what they used."""
        draining.set()
        if self._loops is not None:
            await self._loops
        for task in self._beside:
            task.cancel()
        if self._workspace is not None:
            self._workspace.close()
        await self._pool.close()
        await self._redis.aclose()
        self._store.close()

    async def _run(self, workspace: Workspace) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(_guarded(lambda: self._consume(workspace)))
            group.create_task(_guarded(lambda: _every(RELAY_EVERY_S, self._relay.send)))
            group.create_task(_guarded(lambda: _every(max(1.0, self.settings.lease_s / 2), self._tidy)))
            group.create_task(_guarded(lambda: _every(HEARTBEAT_EVERY_S, self._beat)))

    async def _consume(self, workspace: Workspace) -> None:
        limits = Limits()
        storage = JobStorage(self._store, max_bytes=limits.max_bytes)
        while (encoder := await self._choose()) is not None:
            attempts = Attempts(
                self._jobs, self._stream, storage, self._redis, workspace, ffmpeg=self._ffmpeg, limits=limits
            )
            try:
                await Consumer(self._jobs, self._stream, attempts).run(encoder)
            except EncoderLostError as error:
                log.error("encoder lost", extra={"reason": str(error)})  # noqa: TRY400
                self._encoder = None
                metrics.encoder.info({})

    async def _choose(self) -> Encoder | None:
        """Wait until an encoder works; None once the process drains."""
        encoder, refused = None, list[str]()
        while encoder is None and not draining.is_set():
            try:
                self._ffmpeg = find_ffmpeg(self.settings.ffmpeg)
                encoder, refused = await choose_encoder(self._ffmpeg, self.settings.encoder)
            except PipelineError as error:
                log.error("cannot encode", extra={"reason": str(error)})  # noqa: TRY400
                await wait_or_draining(ENCODER_EVERY_S)
        if encoder is None:
            return None
        self._encoder = encoder
        metrics.encoder.info({"encoder": encoder.name})
        if refused:
            metrics.encoder_fallbacks.inc()
            log.warning("fell back to another encoder", extra={"encoder": encoder.name, "refused": refused})
        log.info("encoder chosen", extra={"encoder": encoder.name, "ffmpeg": self._ffmpeg})
        return encoder

    async def _tidy(self) -> None:
        await self._stream.ensure_group()
        await self._relay.requeue_lost()
        await self._relay.drop_letters()
        await self._relay.measure()
        await self._stream.remove_dead_consumers(DEAD_CONSUMER_S)

    async def _beat(self) -> None:
        service = self.settings.service
        value = {
            "release": service.release,
            "consumer": self._jobs.owner,
            "encoder": self._encoder.name if self._encoder else None,
            "at": time.time(),
        }
        await self._redis.set(f"worker:{service.instance}", json.dumps(value), ex=HEARTBEAT_TTL_S)

    async def _postgres(self) -> None:
        async with self._pool.connection() as connection, time_limit(connection, 1.0):
            await connection.execute("select 1")

    async def _s3(self) -> None:
        await self._store.probe(self.settings.storage.previews)

    async def _encodes(self) -> None:
        if self._encoder is None or not os.access(self._ffmpeg, os.X_OK):
            raise PipelineError("no encoder works")

    async def _room(self) -> None:
        if self._workspace is None:
            raise PipelineError("no workspace yet")
        await asyncio.to_thread(self._workspace.require_room)


async def _every(interval_s: float, step: Callable[[], Awaitable[object]]) -> None:
    """Repeat a step until the drain; an outage lengthens the interval and is reported once."""
    backoff, failing = Backoff(first_s=interval_s), False
    while not draining.is_set():
        try:
            await step()
        except (psycopg.Error, RedisError) as error:
            log.log(10 if failing else 30, "loop waits", extra={"loop": step.__name__, "reason": str(error)})
            failing = True
            await backoff.wait()
        else:
            failing = False
            backoff.reset()
            await wait_or_draining(interval_s)


async def _guarded(loop: Callable[[], Awaitable[None]]) -> None:
    """Start a loop again after an error that nobody foresaw; it is reported each time."""
    backoff = Backoff()
    while not draining.is_set():
        try:
            await loop()
        except Exception:
            log.exception("loop failed")
            await backoff.wait()
