"""Take one job after the other from the stream, and see each to an end that fits how its attempt went."""

import asyncio
import time
from contextlib import suppress

import psycopg
from redis.exceptions import RedisError, ResponseError

from system.common import tracing
from system.common.lifecycle import draining
from system.common.logging import get_logger, trace_id
from system.common.queue import STREAM, JobMessage
from system.worker import metrics
from system.worker.attempt import Attempts
from system.worker.backoff import Backoff
from system.worker.encoder import Encoder
from system.worker.errors import (
    BadInputError,
    DiskFullError,
    EncoderLostError,
    LeaseLostError,
    OutageError,
    PipelineError,
)
from system.worker.jobs import Job, Jobs, NoClaim
from system.worker.stream import Entry, JobStream

__all__ = ["Consumer"]

FINISH_S = 8.0  # of the ten seconds after SIGTERM; the rest is for handing the job back
READ_WAIT_S = 1.0

log = get_logger("consumer")


class Consumer:
    """Consume until the drain begins; an outage of any dependency is waited out, and so is a full disk: nothing is taken then."""

    def __init__(self, jobs: Jobs, stream: JobStream, attempts: Attempts) -> None:
        self._jobs, self._stream, self._attempts = jobs, stream, attempts
        self._next_claim_s, self._claimed = 0.0, False

    async def run(self, encoder: Encoder) -> None:
        """Work until told to stop, then leave the group; raises EncoderLostError when the encoder is of no use any more."""
        backoff = Backoff()
        grouped = False
        while not draining.is_set():
            try:
                if not grouped:
                    await self._stream.ensure_group()
                    grouped = True
                await self._attempts.require_room()
                entry = await self._next()
                if entry is not None:
                    await self._handle(entry, encoder)
                backoff.reset()
            except (OutageError, psycopg.Error, RedisError) as error:
                grouped = grouped and not (isinstance(error, ResponseError) and "NOGROUP" in str(error))
                log.warning("cannot work", extra={"reason": str(error), "kind": type(error).__name__})
                await backoff.wait()
        with suppress(RedisError):  # then another worker removes this consumer in time
            await self._stream.leave()

    async def _next(self) -> Entry | None:
        """Prefer what a dead worker left, looked for every quarter of a lease; else wait for something new.

        In turns with what is new: an entry that is handed back each time would be the first for ever.
        """
        trace_id.set("")
        if self._claimed:
            self._claimed = False
            new = await self._stream.read_new(0.0)
            if new is not None:
                return new
        if time.monotonic() >= self._next_claim_s:
            entry = await self._stream.claim_stale()
            if entry is not None:
                self._claimed = True
                return entry
            self._next_claim_s = time.monotonic() + self._jobs.lease_s / 4
        wait_s = min(READ_WAIT_S, max(0.0, self._next_claim_s - time.monotonic()))
        return await self._stream.read_new(wait_s)

    async def _handle(self, entry: Entry, encoder: Encoder) -> None:
        if draining.is_set():
            await self._stream.hand_back(entry)
            return
        try:
            message = JobMessage.parse(entry.fields)
        except ValueError as error:
            log.error("message is not a job", extra={"entry": entry.id, "reason": str(error)})  # noqa: TRY400
            await self._stream.bury(entry, str(error))
            await self._stream.end(entry)
            return
        trace_id.set(message.trace)
        about = {
            "messaging.system": "redis",
            "messaging.operation.type": "process",
            "messaging.destination.name": STREAM,
            "messaging.message.id": entry.id,
        }
        with tracing.span(f"process {STREAM}", tracing.SpanKind.CONSUMER, about, parent=message.traceparent):
            await self._process(message, entry, encoder)

    async def _process(self, message: JobMessage, entry: Entry, encoder: Encoder) -> None:
        match await self._jobs.claim(message.job_id):
            case Job() as job:
                await self._attempt(job, entry, encoder)
            case NoClaim.FINISHED:
                await self._stream.end(entry)
            case NoClaim.EXHAUSTED:
                await self._give_up(message, entry, None)
            case NoClaim.HELD:
                pass  # the entry stays pending here and is looked at again after a lease

    async def _attempt(self, job: Job, entry: Entry, encoder: Encoder) -> None:
        about = {"job_id": job.id, "asset_id": job.asset_id, "attempt": job.attempt}
        log.info("job claimed", extra=about)
        metrics.busy.set(1)
        attempt = asyncio.create_task(self._attempts.run(job, entry, encoder))
        deadline = asyncio.create_task(_drain_deadline())
        try:
            await asyncio.wait({attempt, deadline}, return_when=asyncio.FIRST_COMPLETED)
            if not attempt.done():
                attempt.cancel()
                await asyncio.wait({attempt})
            await self._conclude(attempt, job, entry, about)
        finally:
            metrics.busy.set(0)
            deadline.cancel()
            attempt.cancel()

    async def _conclude(self, attempt: asyncio.Task[None], job: Job, entry: Entry, about: dict[str, object]) -> None:
        try:
            attempt.result()
        except asyncio.CancelledError:
            log.info("job handed back: told to stop", extra=about)
            await self._put_back(job, entry, "released", None)
        except LeaseLostError as error:
            log.warning("job lost", extra={**about, "reason": str(error)})
            metrics.attempts.labels("lost").inc()
        except BadInputError as error:
            log.info("job failed: bad input", extra={**about, "reason": str(error)})
            if await self._jobs.fail(job, str(error)):
                metrics.attempts.labels("bad_input").inc()
                metrics.previews.labels("failed").inc()
            await self._stream.end(entry)
        except DiskFullError as error:
            log.warning("job put back: the disk is full", extra={**about, "reason": str(error)})
            # Not handed back: this worker would take it again at once, and those that need less room would wait behind it.
            await self._jobs.release(job, str(error), forgive=True)
            metrics.attempts.labels("outage").inc()
            raise
        except (OutageError, EncoderLostError) as error:
            await self._put_back(job, entry, "outage", str(error))
            raise
        except (PipelineError, OSError) as error:
            log.warning("attempt failed", extra={**about, "reason": str(error)})
            await self._count_failure(job, entry, str(error))
        except Exception as error:
            log.exception("attempt failed unexpectedly", extra=about)
            await self._count_failure(job, entry, f"internal error ({type(error).__name__})")
        else:
            metrics.attempts.labels("done").inc()
            metrics.previews.labels("ready").inc()
            await self._stream.end(entry)

    async def _put_back(self, job: Job, entry: Entry, outcome: str, reason: str | None) -> None:
        await self._jobs.release(job, reason, forgive=True)
        await self._stream.hand_back(entry)
        metrics.attempts.labels(outcome).inc()

    async def _count_failure(self, job: Job, entry: Entry, reason: str) -> None:
        metrics.attempts.labels("error").inc()
        if job.attempt >= self._jobs.attempts:
            await self._give_up(JobMessage.parse(entry.fields), entry, reason)
        else:
            await self._jobs.release(job, reason, forgive=False)  # claimed again once the entry is a lease old

    async def _give_up(self, message: JobMessage, entry: Entry, reason: str | None) -> None:
        buried = reason or "the workers that tried it died"
        if await self._jobs.give_up(message.job_id, reason, lambda: self._stream.bury(entry, buried)):
            metrics.previews.labels("dead").inc()
            log.error("job given up", extra={"job_id": message.job_id, "reason": buried})
            await self._stream.end(entry)


async def _drain_deadline() -> None:
    await draining.wait()
    await asyncio.sleep(FINISH_S)
