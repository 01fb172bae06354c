"""Ask Redis for what a request can do without."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from redis.exceptions import RedisError

from system.common.database import Redis
from system.common.logging import get_logger

__all__ = ["AT_ONCE", "OptionalRedis"]

T = TypeVar("T")
AT_ONCE = 32
TURN_S = 1.0
TIMEOUT_S, LOOKS = 0.5, 10
PAUSE_S = 1.0

log = get_logger("api.redis")


class OptionalRedis:
    """Ask Redis within half a second. Once it has not answered it is left alone for a second, whoever asks: they would all wait.

    Nothing else opens the limits, however many ask: its client is nobody else's and has more than `AT_ONCE` connections, for as
    many questions at once, and others wait for a turn.
    """

    def __init__(self, redis: Redis) -> None:
        self._redis, self._turns, self._ask_from_s = redis, asyncio.Semaphore(AT_ONCE), 0.0

    async def ask(self, question: Callable[[Redis], Awaitable[T]]) -> T | None:
        """Give the answer, None where there is none; raises TimeoutError for whoever has waited a second for a turn."""
        async with asyncio.timeout(TURN_S):
            await self._turns.acquire()
        try:
            return await self._answer(question) if time.monotonic() >= self._ask_from_s else None
        except (RedisError, TimeoutError) as error:
            self._ask_from_s = time.monotonic() + PAUSE_S
            log.warning("requests and sign-ins are not limited", extra={"reason": type(error).__name__})
            return None
        finally:
            self._turns.release()

    async def _answer(self, question: Callable[[Redis], Awaitable[T]]) -> T:
        asking = asyncio.ensure_future(question(self._redis))
        try:
            # In short waits: a single one may end before a busy process has listened, which would be taken for silence.
            for _ in range(LOOKS):
                if (await asyncio.wait({asking}, timeout=TIMEOUT_S / LOOKS))[0]:
                    return asking.result()
            raise TimeoutError
        finally:
            asking.cancel()
