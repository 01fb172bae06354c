"""Keep jobs in Postgres: claim under a lease, extend it, and end each job once.

Every change is one statement that names the owner it expects, so it either happens as a whole or the job has gone to
somebody else. Nothing here outlives a transaction (the pool may be a transaction pooler).
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import Enum
from typing import Any
from uuid import UUID

from psycopg import AsyncConnection
from psycopg.rows import DictRow

from system.common.database import Pool, database_span, time_limit

__all__ = ["Claim", "Job", "Jobs", "NoClaim"]

STATEMENT_S = 5.0


@dataclass(frozen=True)
class Job:
    """What a worker needs to know of the job that it owns; `attempt` counts from 1, the master is None until there is one."""

    id: UUID
    asset_id: UUID
    sha256: str
    attempt: int
    master_bucket: str | None = None
    master_key: str | None = None
    master_version_id: str | None = None


class NoClaim(Enum):
    """Why a job cannot be claimed."""

    FINISHED = "done, failed or deleted"
    HELD = "another worker's lease has not run out"
    EXHAUSTED = "all attempts are used up"


Claim = Job | NoClaim

# `mine` is the guard of every change by the owner; `free` of every change by somebody who is not.
_MINE = "id = %(id)s and lease_owner = %(owner)s and state = 'running'"
_FREE = "id = %(id)s and (state = 'queued' or (state = 'running' and lease_until < now()))"
_LEASE = "lease_owner = %(owner)s, lease_until = now() + make_interval(secs => %(lease_s)s)"

_CLAIM = f"""
with claimed as (
    update jobs set state = 'running', attempts = attempts + 1, {_LEASE}
    where {_FREE} and attempts < %(attempts)s
    returning id, asset_id, attempts
)
update assets set status = 'processing', progress = 0, failure_reason = null
from claimed where assets.id = claimed.asset_id
returning claimed.id, claimed.asset_id, claimed.attempts as attempt, assets.sha256,
    assets.master_bucket, assets.master_key, assets.master_version_id
"""  # noqa: S608 - constants of this module
_STATE = "select state, lease_owner, attempts, lease_until < now() as expired from jobs where id = %(id)s"
_EXTEND = f"update jobs set {_LEASE} where {_MINE}"  # noqa: S608
_FINISH = f"""
with done as (
    update jobs set state = 'done', error = null, lease_until = now() where {_MINE} returning asset_id
)
update assets set status = 'ready', progress = 100, failure_reason = null from done where assets.id = done.asset_id
"""  # noqa: S608
_FAIL = """
with failed as (
    update jobs set state = 'failed', error = coalesce(%(reason)s, error, 'the worker died'),
        lease_owner = null, lease_until = null
    where {guard} returning asset_id, attempts, error
)
update assets set status = 'failed', failure_reason = case
        when %(gave_up)s then 'gave up after ' || failed.attempts || ' attempts: ' || failed.error
        else failed.error end
from failed where assets.id = failed.asset_id
"""
_RELEASE = f"""
with released as (
    update jobs set state = 'queued', error = coalesce(%(reason)s, error), lease_owner = null, lease_until = null,
        attempts = attempts - %(forgive)s
    where {_MINE} returning asset_id
)
update assets set status = 'queued', progress = 0 from released where assets.id = released.asset_id
"""  # noqa: S608


class Jobs:
    """Claim and end jobs as `owner`, a name that no other process has."""

    def __init__(self, pool: Pool, *, owner: str, lease_s: float, attempts: int) -> None:
        self.owner, self.lease_s, self.attempts = owner, lease_s, attempts
        self._pool = pool

    async def claim(self, job_id: UUID) -> Claim:
        """Take the lease of a job that is queued, or whose owner has let its lease run out."""
        async with self._connection() as connection:
            cursor = await connection.execute(_CLAIM, self._values(job_id, attempts=self.attempts))
            if (row := await cursor.fetchone()) is not None:
                return Job(**row)
            cursor = await connection.execute(_STATE, {"id": job_id})
            row = await cursor.fetchone()
        if row is None or row["state"] in ("done", "failed"):
            return NoClaim.FINISHED
        free = row["state"] == "queued" or row["expired"]
        return NoClaim.EXHAUSTED if free and row["attempts"] >= self.attempts else NoClaim.HELD

    async def extend(self, job: Job) -> bool:
        """Move the end of the lease; False when it is no longer this owner's."""
        return await self._change(_EXTEND, self._values(job.id))

    async def finish(self, job: Job) -> bool:
        """Make the preview visible: the job done and the asset ready, together; False when the job is not ours.

        Safe to repeat when the answer to the first try was lost.
        """
        if await self._change(_FINISH, self._values(job.id)):
            return True
        row = await self._row(job.id)
        return row is not None and row["state"] == "done" and row["lease_owner"] == self.owner

    async def fail(self, job: Job, reason: str) -> bool:
        """End the job for good because of its input."""
        return await self._change(_FAIL.format(guard=_MINE), self._values(job.id, reason=reason, gave_up=False))

    async def give_up(self, job_id: UUID, reason: str | None, then: Callable[[], Awaitable[None]]) -> bool:
        """End a job whose attempts are used up, ours or nobody's; `then` runs before the change is committed."""
        guard = f"(({_MINE}) or ({_FREE})) and attempts >= %(attempts)s"
        values = self._values(job_id, reason=reason, gave_up=True, attempts=self.attempts)
        async with self._connection() as connection, connection.transaction():
            cursor = await connection.execute(_FAIL.format(guard=guard), values)
            if cursor.rowcount != 1:
                return False
            await then()
            return True

    async def release(self, job: Job, reason: str | None, *, forgive: bool) -> bool:
        """Put the job back; `forgive` takes the attempt off the count (the job was not at fault)."""
        return await self._change(_RELEASE, self._values(job.id, reason=reason, forgive=int(forgive)))

    async def asset_exists(self, job: Job) -> bool:
        """Tell whether the job's asset is still there; the job alone goes when another takes its place."""
        async with self._connection() as connection:
            return (await connection.execute("select id from assets where id = %s", (job.asset_id,))).rowcount == 1

    async def _row(self, job_id: UUID) -> dict[str, Any] | None:
        async with self._connection() as connection:
            return await (await connection.execute(_STATE, {"id": job_id})).fetchone()

    async def _change(self, statement: str, values: dict[str, object]) -> bool:
        async with self._connection() as connection:
            return (await connection.execute(statement, values)).rowcount == 1

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[AsyncConnection[DictRow]]:
        with database_span():
            async with self._pool.connection() as connection, time_limit(connection, STATEMENT_S):
                yield connection

    def _values(self, job_id: UUID, **more: object) -> dict[str, object]:
        return {"id": job_id, "owner": self.owner, "lease_s": float(self.lease_s), **more}
