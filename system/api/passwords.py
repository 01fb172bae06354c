"""Hash and verify passwords with argon2id, at most two at a time."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

__all__ = ["hash_password", "matches", "password_is_right", "turn"]

AT_ONCE = 2

# OWASP Password Storage Cheat Sheet, argon2id: 19 MiB, two passes, one lane.
_hasher = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
_threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="argon2")
# Held while a password is judged and its failure counted, so that parallel guesses cannot outrun the count.
turn = asyncio.Semaphore(AT_ONCE)
# Verified when there is no such account, so that both refusals take the same time.
_NOBODY = _hasher.hash("no account has this password")


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
