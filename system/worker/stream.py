"""Take messages from the job stream and put them away: read, claim from the dead, keep alive, hand back, end.

An entry is deleted when it is acknowledged, so the stream holds what is unfinished and nothing else.
"""

from dataclasses import dataclass
from typing import Any

from redis.exceptions import ResponseError

from system.common.database import Redis
from system.common.queue import DEAD_STREAM, GROUP, STREAM

__all__ = ["Entry", "JobStream"]


@dataclass(frozen=True)
class Entry:
    """One stream entry that is pending with this consumer."""

    id: str
    fields: dict[str, str]


class JobStream:
    """Consume the stream as `consumer`, a name that no other process has."""

    def __init__(self, redis: Redis, *, consumer: str, lease_s: float) -> None:
        self.consumer = consumer
        self._redis = redis
        self._lease_ms = int(lease_s * 1000)
        self._cursor = "0-0"

    async def ensure_group(self) -> None:
        """Make stream and group if they are missing; a new group starts at the first entry, so it loses none."""
        try:
            await self._redis.xgroup_create(STREAM, GROUP, id="0", mkstream=True)
        except ResponseError as error:
            if "BUSYGROUP" not in str(error):
                raise

    async def claim_stale(self) -> Entry | None:
        """Take over one entry that nobody has touched for a lease; None when a whole round found none."""
        for _ in range(100):
            self._cursor, entries, _deleted = await self._redis.xautoclaim(
                STREAM, GROUP, self.consumer, min_idle_time=self._lease_ms, start_id=self._cursor, count=1
            )
            if entries:
                return Entry(*entries[0])
            if self._cursor == "0-0":
                return None
        return None

    async def read_new(self, wait_s: float) -> Entry | None:
        """Wait for an entry that nobody has had yet."""
        answer: Any = await self._redis.xreadgroup(
            GROUP, self.consumer, {STREAM: ">"}, count=1, block=max(1, int(wait_s * 1000))
        )
        for _stream, entries in answer or ():
            for entry_id, fields in entries:
                return Entry(entry_id, fields)
        return None

    async def keep(self, entry: Entry) -> None:
        """Show that the entry is being worked on: its idle time starts again."""
        await self._redis.xclaim(STREAM, GROUP, self.consumer, 0, [entry.id], justid=True)

    async def hand_back(self, entry: Entry) -> None:
        """Let any worker claim the entry at once."""
        await self._redis.xclaim(STREAM, GROUP, self.consumer, 0, [entry.id], idle=self._lease_ms + 1, justid=True)

    async def end(self, entry: Entry) -> None:
        """Acknowledge and delete the entry."""
        async with self._redis.pipeline(transaction=True) as pipeline:
            pipeline.xack(STREAM, GROUP, entry.id)
            pipeline.xdel(STREAM, entry.id)
            await pipeline.execute()

    async def bury(self, entry: Entry, reason: str) -> None:
        """Put a copy on the dead-letter stream, with the reason."""
        fields: dict[Any, Any] = {**entry.fields, "entry": entry.id, "reason": reason}
        await self._redis.xadd(DEAD_STREAM, fields)

    async def leave(self) -> None:
        """Remove this consumer from the group unless entries are still pending with it."""
        if not await self._redis.xpending_range(STREAM, GROUP, "-", "+", 1, consumername=self.consumer):
            await self._redis.xgroup_delconsumer(STREAM, GROUP, self.consumer)

    async def remove_dead_consumers(self, idle_s: float) -> int:
        """Remove consumers that have nothing pending and have not asked for anything for `idle_s`."""
        removed = 0
        for consumer in await self._redis.xinfo_consumers(STREAM, GROUP):
            if consumer["pending"] == 0 and consumer["idle"] > idle_s * 1000:
                removed += 1
                await self._redis.xgroup_delconsumer(STREAM, GROUP, consumer["name"])
        return removed
