"""Wait for a state with a deadline, and say what was waited for."""

import time
from collections.abc import Callable
from typing import TypeVar

from seatrial.errors import Failure

T = TypeVar("T")


def eventually(
    probe: Callable[[], T], *, within_s: float, what: str, every_s: float = 0.1, where: str | None = None
) -> T:
    """Ask `probe` until it answers something true, and return that.

    A `Failure` or `AssertionError` that the probe raises counts as "not yet"; anything else ends the wait at once. On
    time-out raises `Failure` with what was waited for and what was seen last.
    """
    started = time.monotonic()
    while True:
        try:
            seen: object = probe()
        except AssertionError as error:
            seen = error
        else:
            if seen:
                return seen  # type: ignore[return-value]
        left = started + within_s - time.monotonic()
        if left <= 0:
            raise Failure(f"{what} within {within_s:g} s", seen, where)
        time.sleep(min(every_s, left))
