"""Wait longer after each failure, up to a bound, and never in step with the other instances."""

import random

from system.common.lifecycle import wait_or_draining

__all__ = ["Backoff"]


class Backoff:
    """Count failures in a row; the wait is drawn from half to all of `first_s` doubled each time, at most `most_s`."""

    def __init__(self, *, first_s: float = 0.25, most_s: float = 5.0) -> None:
        self._first_s, self._most_s = first_s, most_s
        self._failures = 0

    def reset(self) -> None:
        """Forget the failures: something worked."""
        self._failures = 0

    def next_s(self) -> float:
        """Count one more failure and draw the wait for it."""
        bound_s = min(self._most_s, self._first_s * 2.0**self._failures)
        self._failures = min(self._failures + 1, 32)
        return bound_s * random.uniform(0.5, 1.0)  # noqa: S311 - spread, not secrecy

    async def wait(self) -> None:
        """Wait after a failure; ends early when the process is told to stop."""
        await wait_or_draining(self.next_s())
