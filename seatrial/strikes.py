"""One handle's way to the undo log: shut when its check has ended, or was stopped."""

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from seatrial.errors import HarnessError

LATE_S = 5.0
ENDS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Strikes:
    """Lets strikes begin, since each begins with its inverse in the undo log, until it is shut.

    Args:
        undo: appends an inverse to the undo log.
    """

    def __init__(self, undo: Callable[[str, dict[str, Any]], None]) -> None:
        self._undo = undo
        self._shut = ""
        self._threads: set[threading.Thread] = set()
        self._lock = threading.RLock()  # a signal may shut it in the middle of a strike, in the same thread

    def begin(self, do: str, args: dict[str, Any]) -> None:
        """Record the inverse of a strike; raises HarnessError once no strike may begin."""
        with self._lock:
            if self._shut:
                raise HarnessError(f"no strike any more: {self._shut} ({do})")
            self._threads.add(threading.current_thread())
            self._undo(do, args)

    def shut(self, reason: str) -> None:
        """Let no strike begin from now on; the first reason stands."""
        with self._lock:
            self._shut = self._shut or reason

    def late(self) -> list[str]:
        """Wait for the threads that struck, and return the names of those that do not end: their strikes may come after the undo."""
        over_s = time.monotonic() + LATE_S
        others = self._threads - {threading.current_thread()}
        for thread in others:
            thread.join(max(0.0, over_s - time.monotonic()))
        return sorted(thread.name for thread in others if thread.is_alive())


@contextmanager
def interruptible(stop: Callable[[], None], undo: Callable[[], None]) -> Iterator[None]:
    """Call `stop` on Ctrl-C, and on SIGTERM or SIGHUP as if it were that, before it is raised, for a check may catch that and go on.

    Ends with `undo`, during which `stop` is called and nothing is raised.
    """
    interrupt, undoing = signal.getsignal(signal.SIGINT), False

    def interrupted(number: int, frame: FrameType | None) -> None:
        stop()
        if callable(interrupt) and not undoing:
            interrupt(number, frame)

    with _handled(interrupted):
        try:
            yield
        finally:
            undoing = True
            undo()


@contextmanager
def shielded() -> Iterator[None]:
    """Hold Ctrl-C, SIGTERM and SIGHUP back until what is begun here has ended: half an undo is none."""
    if threading.current_thread() is not threading.main_thread():  # which alone is interrupted
        yield
        return
    late: list[int] = []
    try:
        with _handled(lambda number, _: late.append(number)):
            yield
    finally:
        for number in late[:1]:
            signal.raise_signal(number)


@contextmanager
def _handled(handler: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    """Have a handler take what ends a process, but for what is ignored, as SIGHUP is below nohup."""
    found = {number: signal.getsignal(number) for number in ENDS}
    before = {number: each for number, each in found.items() if each is not signal.SIG_IGN}
    for number in before:
        signal.signal(number, handler)
    try:
        yield
    finally:
        for number, each in before.items():
            signal.signal(number, each)
