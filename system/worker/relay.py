"""Carry jobs from Postgres to the stream: what the outbox holds, and again what the stream has lost; put away letters of the gone.

The api writes job and outbox row in one transaction. Whatever keeps a message from the stream after that (a crash, a
Redis that is down, was emptied or failed over) is made up for here. A job sent twice is claimed once.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, cast
from uuid import UUID

from psycopg import AsyncConnection
from psycopg.rows import DictRow

from system.common.database import Pool, Redis, time_limit
from system.common.logging import get_logger
from system.common.queue import DEAD_STREAM, STREAM, JobMessage, publish
from system.worker import metrics

__all__ = ["Relay"]

BATCH = 100
PAGE = 1000
TRANSACTION_S = 10.0
LOCK = 0x5EA7_0001  # one worker at a time looks for lost messages

log = get_logger("relay")

_UNSENT = """
select outbox.id, outbox.job_id, jobs.asset_id, outbox.trace, job_kinds.stream
from outbox join jobs on jobs.id = outbox.job_id join job_kinds on job_kinds.kind = jobs.kind
where outbox.sent_at is null and outbox.created_at < now() - make_interval(secs => %(older_s)s)
order by outbox.id limit %(batch)s for update of outbox skip locked
"""
_OVERDUE = """
select id from jobs
where (state = 'queued' and updated_at < now() - make_interval(secs => %(grace_s)s)
    or state = 'running' and lease_until < now() - make_interval(secs => %(grace_s)s))
    and not exists (select from outbox where outbox.job_id = jobs.id and outbox.sent_at is null)
order by created_at limit %(batch)s
"""


class Relay:
    """Send what is unsent; a job is overdue when nobody has touched it for `grace_s` seconds."""

    def __init__(self, pool: Pool, redis: Redis, *, older_s: float = 0.5, grace_s: float) -> None:
        self._pool, self._redis = pool, redis
        self._older_s, self._grace_s = float(older_s), float(grace_s)
        self._letters_from = "-"

    async def send(self) -> int:
        """Put unsent outbox rows on their streams; return how many.

        The row is marked after the entry is written, so a crash between the two sends it twice, never not at all.
        """
        async with self._transaction() as connection:
            cursor = await connection.execute(_UNSENT, {"older_s": self._older_s, "batch": BATCH})
            rows = await cursor.fetchall()
            for row in rows:
                message = JobMessage.of(row["job_id"], row["asset_id"], row["trace"])
                await publish(self._redis, row["stream"], message)
            if rows:
                await connection.execute(
                    "update outbox set sent_at = now() where id = any(%(ids)s)", {"ids": [row["id"] for row in rows]}
                )
        metrics.outbox_sent.inc(len(rows))
        return len(rows)

    async def requeue_lost(self) -> int:
        """Mark for sending again what is unfinished, untouched, and not on the stream; return how many jobs."""
        async with self._transaction() as connection:
            lock = await connection.execute("select pg_try_advisory_xact_lock(%(key)s) as mine", {"key": LOCK})
            row = await lock.fetchone()
            if row is None or not row["mine"]:
                return 0
            cursor = await connection.execute(_OVERDUE, {"grace_s": self._grace_s, "batch": PAGE})
            overdue = {row["id"] for row in await cursor.fetchall()}
            lost = overdue - await self._on_stream() if overdue else set()
            if lost:
                log.warning("jobs had vanished from the stream", extra={"jobs": len(lost)})
                await connection.execute(
                    "update outbox set sent_at = null where job_id = any(%(ids)s)", {"ids": list(lost)}
                )
        metrics.requeued.inc(len(lost))
        return len(lost)

    async def drop_letters(self) -> int:
        """Remove dead letters whose job is gone, with its asset or because another took its place; return how many.

        One page at a time, the next one from where it ends. What names no job stays for whoever looks at it.
        """
        page = await self._page(DEAD_STREAM, self._letters_from)
        self._letters_from = f"({page[-1][0]}" if len(page) == PAGE else "-"
        letters = {entry_id: job_id for entry_id, fields in page if (job_id := _job_of(fields)) is not None}
        there = await self._there(set(letters.values())) if letters else set()
        gone = [entry_id for entry_id, job_id in letters.items() if job_id not in there]
        if gone:
            await self._redis.xdel(DEAD_STREAM, *gone)
            log.info("dead letters removed: their jobs are gone", extra={"letters": len(gone)})
        return len(gone)

    async def measure(self) -> None:
        """Publish how long the streams are."""
        metrics.queue_messages.set(await self._redis.xlen(STREAM))
        metrics.dead_letters.set(await self._redis.xlen(DEAD_STREAM))

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[AsyncConnection[DictRow]]:
        async with (
            self._pool.connection() as connection,
            time_limit(connection, TRANSACTION_S),
            connection.transaction(),
        ):
            yield connection

    async def _there(self, job_ids: set[UUID]) -> set[UUID]:
        async with self._transaction() as connection:
            cursor = await connection.execute("select id from jobs where id = any(%(ids)s)", {"ids": list(job_ids)})
            return {row["id"] for row in await cursor.fetchall()}

    async def _on_stream(self) -> set[UUID]:
        found: set[UUID | None] = set()
        start = "-"
        while page := await self._page(STREAM, start):
            found |= {_job_of(fields) for _entry_id, fields in page}
            start = f"({page[-1][0]}"
        return {job_id for job_id in found if job_id is not None}

    async def _page(self, stream: str, start: str) -> list[tuple[str, dict[str, str]]]:
        page: Any = await self._redis.xrange(stream, min=start, count=PAGE)
        return cast("list[tuple[str, dict[str, str]]]", page)


def _job_of(fields: Mapping[str, str]) -> UUID | None:
    """Say which job an entry names; None where whoever looks at it will find that it names none."""
    try:
        return JobMessage.parse(fields).job_id
    except ValueError:
        return None
