"""Slow down password guessing: count failed sign-ins by account and client address in Redis."""

import hashlib
from collections.abc import Callable
from typing import Any

from system.api.optional_redis import OptionalRedis
from system.common.client import subscriber
from system.common.database import Redis
from system.common.logging import get_logger
from system.common.problem import Problem

__all__ = ["SignInThrottle"]

FAILURES = 10
WINDOW_S = 60
# Each write brings its time to live along: a count that stayed would throttle for ever.
_COUNT = """
local failures, left_ms = redis.call('GET', KEYS[1]) or 0, redis.call('PTTL', KEYS[1])
redis.call('SET', KEYS[1], failures + 1, 'PX', left_ms > 0 and left_ms or ARGV[1])
"""

log = get_logger("api.throttle")


class SignInThrottle:
    """Refuse an account's sign-ins from one address after ten failures in a minute.

    Right passwords count for nothing and clear the count, so that no number of them is throttled. Without Redis nobody
    is throttled: sign-in then depends on Postgres alone.
    """

    def __init__(self, redis: OptionalRedis, email: str, client: str) -> None:
        self._redis, self._client = redis, client
        digest = hashlib.sha256(f"{email}\n{subscriber(client)}".encode()).hexdigest()
        self._key = f"rate:sign-in:{digest[:32]}"
        self._failures = 0

    async def check(self) -> None:
        """Raise Problem 429 when there were too many failures."""
        failures, ttl_s = await self._run(lambda pipeline: pipeline.get(self._key).ttl(self._key)) or (None, 0)
        self._failures = int(failures or 0)
        if self._failures >= FAILURES:
            log.warning("sign-in refused after repeated failures", extra={"client": self._client})
            detail = "Too many failed sign-ins; wait, then try again."
            raise Problem(429, detail, headers={"Retry-After": str(max(1, ttl_s))})

    async def failed(self) -> None:
        """Count a failure; the window starts with the first."""
        await self._run(lambda pipeline: pipeline.eval(_COUNT, 1, self._key, str(1000 * WINDOW_S)))

    async def succeeded(self) -> None:
        """Forget the failures."""
        if self._failures:
            await self._run(lambda pipeline: pipeline.delete(self._key))

    async def _run(self, add: Callable[[Any], object]) -> Any:
        async def run(redis: Redis) -> Any:
            async with redis.pipeline(transaction=True) as pipeline:
                add(pipeline)
                return await pipeline.execute()

        return await self._redis.ask(run)
