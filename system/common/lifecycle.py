"""Say whether the process has been told to stop, for long answers and for readiness."""

import asyncio
import contextlib

__all__ = ["draining", "wait_or_draining"]

draining = asyncio.Event()


async def wait_or_draining(seconds: float) -> bool:
    """Wait, but no longer than until the drain begins; tell whether it has."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await draining.wait()
    return draining.is_set()
