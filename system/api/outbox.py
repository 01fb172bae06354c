"""Write a job and its message in one transaction, and hand the message to the stream right after it."""

import asyncio
from dataclasses import dataclass
from uuid import UUID

from psycopg import AsyncConnection
from psycopg.rows import DictRow
from redis.exceptions import RedisError

from system.api import counters
from system.api.services import Services
from system.common import tracing
from system.common.logging import get_logger
from system.common.queue import JobMessage, publish

__all__ = ["Message", "enqueue", "enqueue_again", "send"]

KIND = "preview"
TIMEOUT_S = 1.0

log = get_logger("api.outbox")


@dataclass(frozen=True)
class Message:
    """Hold an outbox row and the stream it belongs on."""

    outbox_id: int
    job: JobMessage
    stream: str


async def enqueue(connection: AsyncConnection[DictRow], asset_id: str) -> Message:
    """Insert job and outbox row, inside the caller's transaction."""
    cursor = await connection.execute(
        """with job as (insert into jobs (asset_id, kind) values (%s, %s) returning id, kind),
                message as (insert into outbox (job_id, trace) select id, %s from job returning id, job_id, trace)
           select message.id as outbox_id, message.job_id, message.trace, job_kinds.stream
           from message, job join job_kinds using (kind)""",
        (asset_id, KIND, tracing.traceparent()),
    )
    row = await cursor.fetchone()
    if row is None:
        raise RuntimeError(f"no stream is configured for jobs of kind {KIND!r}")
    return Message(row["outbox_id"], JobMessage.of(row["job_id"], UUID(asset_id), row["trace"]), row["stream"])


async def enqueue_again(connection: AsyncConnection[DictRow], asset_id: str) -> Message:
    """Put a new job in the place of the asset's job that has ended, inside the caller's transaction."""
    await connection.execute(
        "delete from jobs where asset_id = %s and kind = %s and state in ('done', 'failed')", (asset_id, KIND)
    )
    return await enqueue(connection, asset_id)


async def send(services: Services, message: Message) -> None:
    """Try once; what fails here stays unsent in the outbox, and the relay sends it."""
    try:
        async with asyncio.timeout(TIMEOUT_S):
            await publish(services.redis, message.stream, message.job)
    except (RedisError, TimeoutError) as error:
        counters.outbox_deferred.inc()
        log.warning("job left to the relay", extra={"job_id": message.job.job_id, "reason": type(error).__name__})
        return
    await services.row("update outbox set sent_at = now() where id = %s", (message.outbox_id,))
