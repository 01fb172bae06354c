"""Hash and verify passwords with argon2id, at most two at a time, and keep no more waiting than can be served soon."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from system.common.problem import Problem

__all__ = ["Turns", "hash_password", "matches", "password_is_right", "turn"]

AT_ONCE = 2
MOST_WAITING = 64  # at two at a time and some 30 ms each, a wait of a second

# OWASP Password Storage Cheat Sheet, argon2id: 19 MiB, two passes, one lane.
_hasher = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
_threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="argon2")
# Verified when there is no such account, so that both refusals take the same time.
_NOBODY = _hasher.hash("no account has this password")


class Turns:
    """Let some in at a time, in `async with`; turn callers away once `most_waiting` wait: they would be gone when it is their turn."""

    def __init__(self, at_once: int, most_waiting: int) -> None:
        self._free, self._most_waiting, self._waiting = asyncio.Semaphore(at_once), most_waiting, 0

    async def __aenter__(self) -> None:
        if self._free.locked() and self._waiting >= self._most_waiting:
            raise Problem(503, "Too many are signing in; try again.", headers={"Retry-After": "1"})
        self._waiting += 1
        try:
            await self._free.acquire()
        finally:
            self._waiting -= 1

    async def __aexit__(self, *_: object) -> None:
        self._free.release()


# Held while a password is judged and its failure counted, so that parallel guesses cannot outrun the count.
turn = Turns(AT_ONCE, MOST_WAITING)


def hash_password(password: str) -> str:
    """Hash a password for the database."""
    return _hasher.hash(password)


def matches(stored: str, password: str) -> bool:
    """Compare a password with a stored hash; blocking."""
    try:
        return _hasher.verify(stored, password)
    except (VerificationError, InvalidHashError):
        return False


async def password_is_right(stored: str | None, password: str) -> bool:
    """Compare with the stored hash; None (no such account) takes as long and is always wrong."""
    right = await asyncio.get_running_loop().run_in_executor(_threads, matches, stored or _NOBODY, password)
    return right and stored is not None
