"""Traffic beside a drill: calls that fall due at a fixed rate, whatever becomes of those before them."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from random import SystemRandom
from types import TracebackType
from typing import Generic, TypeVar

from seatrial.errors import Invalid

T = TypeVar("T")


@dataclass(frozen=True)
class Shot(Generic[T]):
    """One call; times are in seconds on the monotonic clock.

    Attributes:
        due_s: when it should have begun.
        began_s: when it did.
        ended_s: when its answer was there.
        answer: what the call returned.
    """

    due_s: float
    began_s: float
    ended_s: float
    answer: T


class Traffic(Generic[T]):
    """Make a call `per_s` times a second, from `with` until its end, in an open model.

    A caller that waits for one answer before it asks again sees an outage of ten seconds as a single slow call; here
    the calls of these ten seconds are made all the same. Whatever a call raises is raised at the end.

    Args:
        call: one call; must be safe to run in several threads.
        per_s: how many fall due in a second.
        at_once: how many may wait for their answer at the same time; more are late.
    """

    def __init__(self, call: Callable[[], T], *, per_s: float, at_once: int = 64) -> None:
        self._call, self._every_s = call, 1 / per_s
        self._pool = ThreadPoolExecutor(at_once)
        self._over = threading.Event()
        self._pacer = threading.Thread(target=self._pace)
        self._futures: list[Future[Shot[T]]] = []

    def __enter__(self) -> "Traffic[T]":
        self._pacer.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _error: BaseException | None, _at: TracebackType | None
    ) -> None:
        self._over.set()
        self._pacer.join()
        self._pool.shutdown()
        if kind is None:
            for future in self._futures:
                future.result()

    @property
    def shots(self) -> list[Shot[T]]:
        """The calls that have ended so far, in the order in which they fell due."""
        return [future.result() for future in list(self._futures) if future.done() and future.exception() is None]

    def require_punctual(self, late_s: float = 0.5, share: float = 0.01) -> float:
        """Return the share of calls that began later than `late_s` after they were due; more than `share` is Invalid."""
        shots = self.shots
        late = sum(shot.began_s - shot.due_s > late_s for shot in shots) / len(shots) if shots else 1.0
        if late > share:
            raise Invalid(f"{late:.1%} of {len(shots)} calls began more than {late_s:g} s late: too busy a machine")
        return late

    def _pace(self) -> None:
        due_s = time.monotonic()
        while not self._over.wait(max(0.0, due_s - time.monotonic())):
            self._futures.append(self._pool.submit(self._shoot, due_s))
            due_s += self._every_s

    def _shoot(self, due_s: float) -> Shot[T]:
        began_s = time.monotonic()
        answer = self._call()
        return Shot(due_s, began_s, time.monotonic(), answer)


def shuffled(kinds: Sequence[T]) -> Iterator[T]:
    """Give them again and again, in another order each time.

    In a fixed order each kind always comes behind the same other one and meets the same beat of whatever else goes on;
    a balancer that goes round sends it to one place.
    """
    chance = SystemRandom()
    while True:
        yield from chance.sample(kinds, len(kinds))
