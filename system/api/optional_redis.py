"""Ask Redis for what a request can do without."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from redis.exceptions import RedisError

from system.common.database import Redis
from system.common.logging import get_logger

__all__ = ["OptionalRedis"]

T = TypeVar("T")
TIMEOUT_S = 0.5
PAUSE_S = 1.0

log = get_logger("api.redis")


class OptionalRedis:
    """Ask Redis within half a second. Once it has not answered it is left alone for a second, whoever asks: they would all wait."""

    def __init__(self, redis: Redis) -> None:
        self._redis, self._ask_from_s = redis, 0.0

    async def ask(self, question: Callable[[Redis], Awaitable[T]]) -> T | None:
        """Give the answer, None where there is none."""
        if time.monotonic() < self._ask_from_s:
            return None
        try:
            async with asyncio.timeout(TIMEOUT_S):
                return await question(self._redis)
        except (RedisError, TimeoutError) as error:
            self._ask_from_s = time.monotonic() + PAUSE_S
            log.warning("requests and sign-ins are not limited", extra={"reason": type(error).__name__})
            return None
