"""Wait for a state with a deadline, and say what was waited for."""

import time
from collections.abc import Callable
from typing import TypeVar

from seatrial.errors import Failure

T = TypeVar("T")


def eventually(
    probe: Callable[[], T], *, within_s: float, what: str, every_s: float = 0.1, where: str | None = None
) -> T:
    """Ask `probe` until it answers something true in time, and return that.

    A `Failure` or `AssertionError` that the probe raises counts as "not yet"; anything else ends the wait at once. In time is
    an answer that is here within `within_s`: one that was asked for before and comes after it is too late, however true. On
    time-out raises `Failure` with what was waited for and what was seen last.
    """
    started = time.monotonic()
    while True:
        reached = False
        try:
            seen: object = probe()
            reached = bool(seen)
        except AssertionError as error:
            seen = error
        took_s = time.monotonic() - started
        if reached and took_s <= within_s:
            return seen  # type: ignore[return-value]
        if took_s >= within_s:
            raise Failure(f"{what} within {within_s:g} s", f"{seen}, after {took_s:.2f} s" if reached else seen, where)
        time.sleep(min(every_s, within_s - took_s))
