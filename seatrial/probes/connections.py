"""A budget of connections for a library that opens its sockets itself and tells nobody how many."""

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Budget:
    """The connections to one place: at most `most`; `refused` counts the attempts beyond it, which were not made."""

    place: tuple[str, int]
    most: int
    opened: int = 0
    refused: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self) -> None:
        """Count one attempt; raises ConnectionAbortedError when none is left."""
        with self._lock:
            if self.opened < self.most:
                self.opened += 1
                return
            self.refused += 1
        raise ConnectionAbortedError("no connection is left of the budget")


_budgets: list[Budget] = []
_hooked = threading.Event()


@contextmanager
def budget(address: str, port: int, most: int) -> Iterator[Budget]:
    """Count what this process connects to `address`, in all its threads, and refuse what goes beyond `most`."""
    if not _hooked.is_set():
        _hooked.set()
        sys.addaudithook(_on_event)
    counted = Budget((address, port), most)
    _budgets.append(counted)
    try:
        yield counted
    finally:
        _budgets.remove(counted)


def _on_event(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "socket.connect" and _budgets:
        for counted in _budgets:
            if tuple(arguments[1][:2]) == counted.place:
                counted.take()
