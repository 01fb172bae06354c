"""Work on one claimed job: fetch, make the preview, publish, and keep the lease alive all the while."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress

import psycopg
from redis.exceptions import RedisError

from system.common import tracing
from system.common.database import Redis
from system.common.logging import get_logger, trace_id
from system.common.queue import progress_key
from system.worker import metrics
from system.worker.backoff import Backoff
from system.worker.encoder import Encoder, probe_encoder
from system.worker.errors import DiskFullError, EncoderLostError, LeaseLostError, OutageError, PipelineError
from system.worker.jobs import Job, Jobs
from system.worker.preview import Preview, make_preview
from system.worker.source import Limits
from system.worker.storage import JobStorage
from system.worker.stream import Entry, JobStream
from system.worker.workspace import Workspace

__all__ = ["Attempts"]

PROGRESS_EVERY_S = 0.5
PROGRESS_TTL_S = 60
PUBLISH_WITHIN_S = 60.0
VIDEO, POSTER = "preview.mp4", "poster.jpg"

log = get_logger("attempt")


class Attempts:
    """Hold what every attempt needs."""

    def __init__(
        self,
        jobs: Jobs,
        stream: JobStream,
        storage: JobStorage,
        redis: Redis,
        workspace: Workspace,
        *,
        ffmpeg: str,
        limits: Limits,
    ) -> None:
        self._jobs, self._stream, self._storage, self._redis = jobs, stream, storage, redis
        self._workspace, self._ffmpeg, self._limits = workspace, ffmpeg, limits

    async def require_room(self) -> None:
        """Raise DiskFullError while an attempt would have no room to work in."""
        try:
            await asyncio.to_thread(self._workspace.require_room)
        except OSError as error:
            raise DiskFullError(f"the disk is full: {error}") from error

    async def run(self, job: Job, entry: Entry, encoder: Encoder) -> None:
        """Take the job to its visible end; raise what `errors` lists when it does not get there.

        LeaseLostError means that the job has another owner or is gone, and that nothing of it is ours to change.
        """
        work = asyncio.create_task(self._work(job, encoder), name=f"job {job.id}")
        keeper = asyncio.create_task(self._keep(job, entry), name=f"lease of {job.id}")
        try:
            await asyncio.wait({work, keeper}, return_when=asyncio.FIRST_COMPLETED)
            if not work.done():
                metrics.lease_losses.inc()
                raise LeaseLostError("the lease was lost while working")
            work.result()
        finally:
            for task in (work, keeper):
                task.cancel()
            await asyncio.wait({work, keeper})
            with suppress(RedisError):  # it has a TTL
                await self._redis.delete(progress_key(job.asset_id))

    async def _work(self, job: Job, encoder: Encoder) -> None:
        started_s = time.monotonic()
        with self._workspace.directory(str(job.id)) as directory:
            source = directory / "source"
            await self._storage.fetch_original(job, source)
            percent = [0]

            def on_progress(value: int) -> None:
                percent[0] = value

            reporter = asyncio.create_task(self._report(job, percent))
            try:
                with tracing.span("encode preview", tracing.SpanKind.INTERNAL, {"encoder": encoder.name}):
                    preview = await make_preview(
                        self._ffmpeg, encoder, source, directory, limits=self._limits, on_progress=on_progress
                    )
            except (PipelineError, OSError) as error:
                if (reason := await probe_encoder(self._ffmpeg, encoder)) is not None:
                    raise EncoderLostError(f"{encoder.name}: {reason}") from error
                raise
            finally:
                reporter.cancel()
            if not await self._until_known(self._jobs.extend, job):
                raise LeaseLostError("the lease was lost before publishing")
            await self._publish(job, preview)
        metrics.job_seconds.observe(time.monotonic() - started_s)
        log.info(
            "preview ready",
            extra={
                "width": preview.width,
                "height": preview.height,
                "duration_s": round(preview.duration_s, 2),
                "elapsed_s": round(time.monotonic() - started_s, 2),
                "encoder": encoder.name,
            },
        )

    async def _publish(self, job: Job, preview: Preview) -> None:
        """Upload both results and make them visible; however that ends, nothing stays of an asset that was deleted meanwhile."""
        trace, visible = trace_id.get(), False
        try:
            await self._storage.publish(job.asset_id, POSTER, "image/jpeg", preview.poster, trace)
            await self._storage.publish(job.asset_id, VIDEO, "video/mp4", preview.video, trace)
            visible = await self._until_known(self._jobs.finish, job)
        finally:
            if not visible:
                await self._withdraw_if_deleted(job)
        if not visible:
            raise LeaseLostError("the job had another owner or was gone when its preview was published")

    async def _withdraw_if_deleted(self, job: Job) -> None:
        try:
            if not await self._jobs.asset_exists(job):
                await self._storage.withdraw(job.asset_id, (VIDEO, POSTER))
        except (psycopg.Error, OutageError, PipelineError) as error:
            log.warning("a deleted asset may have left its preview", extra={"reason": str(error)})

    async def _keep(self, job: Job, entry: Entry) -> None:
        """Extend lease and entry until the lease is known to be lost; an outage is not that."""
        while True:
            await asyncio.sleep(self._jobs.lease_s / 3)
            try:
                if not await self._jobs.extend(job):
                    return
                await self._stream.keep(entry)
            except (psycopg.Error, RedisError) as error:
                log.warning("lease not extended", extra={"reason": str(error)})

    async def _report(self, job: Job, percent: list[int]) -> None:
        while True:
            value = json.dumps({"status": "processing", "progress": percent[0]})
            try:
                await self._redis.set(progress_key(job.asset_id), value, ex=PROGRESS_TTL_S)
            except RedisError as error:
                log.warning("progress not published", extra={"reason": str(error)})
            await asyncio.sleep(PROGRESS_EVERY_S)

    @staticmethod
    async def _until_known(change: Callable[[Job], Awaitable[bool]], job: Job) -> bool:
        """Repeat a change through an outage of Postgres, for the work that would be lost is done already."""
        backoff, until_s = Backoff(), time.monotonic() + PUBLISH_WITHIN_S
        while True:
            try:
                return await change(job)
            except psycopg.Error as error:
                if time.monotonic() > until_s:
                    raise OutageError(f"Postgres: {error}") from error
                log.warning("not published yet", extra={"reason": str(error)})
                await asyncio.sleep(backoff.next_s())
