"""Arrivals on schedule: who comes does not wait for those who came before, and the clock starts when they should have come."""

import math
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import gevent
from gevent.event import Event
from gevent.pool import Pool

from load.recorder import Recorder
from seatrial import Failure
from seatrial.probes.text import one_line

AT_ONCE = 512

Journey = Callable[[], None]
Seen = Callable[[str, float, Exception | None], None]


@dataclass(frozen=True)
class Order:
    """How many arrivals a second from now on, which stage they count to, and of which journey they are: of all by weight, or of one."""

    rate_per_s: float
    stage: str
    journey: str = ""


def turns(weights: Mapping[str, float]) -> Iterator[str]:
    """Give names for ever, each as often as it weighs, spread as evenly as that goes: no journey is missing by chance."""
    ahead = dict.fromkeys(weights, 0.0)
    total = sum(weights.values())
    while True:
        for name, weight in weights.items():
            ahead[name] += weight
        chosen = max(ahead, key=ahead.__getitem__)
        ahead[chosen] -= total
        yield chosen


class Timetable:
    """When arrivals fall due: as many as the rate's integral comes to, and none before the change of the rate that hastens it."""

    def __init__(self, begun_s: float) -> None:
        self._since_s, self._rate_per_s, self._left = begun_s, 0.0, 1.0

    @property
    def due_s(self) -> float:
        """When the next one falls due."""
        return self._since_s + self._left / self._rate_per_s if self._rate_per_s > 0 else math.inf

    def arrived(self) -> None:
        """Go on to the one after that."""
        self._since_s, self._left = self.due_s, 1.0

    def change(self, at_s: float, rate_per_s: float) -> None:
        """Change the rate, at a moment before the next one falls due."""
        self._left = max(0.0, self._left - self._rate_per_s * max(0.0, at_s - self._since_s))
        self._since_s, self._rate_per_s = max(at_s, self._since_s), rate_per_s


class Schedule:
    """Starts journeys when they fall due, whatever becomes of those under way.

    Args:
        journeys: name -> one journey; raises Failure when it meets anything but what was promised.
        weights: name -> how often, beside the others.
        recorder: where arrivals are counted.
        seen: told the end of each, as (journey, time in ms from the intended start, error).
        at_once: how many may be under way; an arrival beyond that is dropped.
    """

    def __init__(
        self,
        journeys: Mapping[str, Journey],
        weights: Mapping[str, float],
        recorder: Recorder,
        seen: Seen,
        *,
        at_once: int = AT_ONCE,
    ) -> None:
        self._journeys, self._turns = journeys, turns(weights)
        self._recorder, self._seen = recorder, seen
        self._pool = Pool(at_once)
        self._order, self._changed = Order(0.0, ""), Event()
        self._orders: deque[tuple[float, Order]] = deque()
        self.broken: list[str] = []

    @property
    def under_way(self) -> int:
        """How many arrivals have not ended."""
        return len(self._pool)

    def obey(self, order: Order) -> None:
        """Change the rate; what is under way goes on."""
        if order != self._order:
            self._order = order
            self._orders.append((time.perf_counter(), order))
            self._changed.set()

    def run(self) -> None:
        """Start arrivals until this greenlet is ended."""
        order, table = Order(0.0, ""), Timetable(time.perf_counter())
        while True:
            self._changed.clear()
            # Whoever fell due before a change, and is late, still belongs to the order of then.
            if self._orders and self._orders[0][0] <= table.due_s:
                changed_s, order = self._orders.popleft()
                table.change(changed_s, order.rate_per_s)
                continue
            due_s = table.due_s
            early_s = due_s - time.perf_counter()
            if early_s > 0 and self._changed.wait(early_s if early_s < math.inf else None):
                continue
            self._arrive(order, due_s)
            table.arrived()
            gevent.sleep(0)

    def _arrive(self, order: Order, due_s: float) -> None:
        journey = order.journey or next(self._turns)
        self._recorder.due(order.stage, journey)
        if self._pool.free_count():
            self._pool.spawn(self._travel, order.stage, journey, due_s)
        else:
            self._recorder.dropped(order.stage, journey)

    def _travel(self, stage: str, journey: str, due_s: float) -> None:
        error: Exception | None = None
        try:
            self._journeys[journey]()
        except Failure as failure:
            error = failure
        except Exception as defect:  # noqa: BLE001 - a defect of ours is no finding, and ends the run as one
            error = defect
            self.broken.append(f"{journey}: {type(defect).__name__}: {defect}")
        time_ms = 1000 * (time.perf_counter() - due_s)
        if error is None:
            self._recorder.served(stage, journey, time_ms)
        else:
            self._recorder.failed(stage, journey, one_line(error))
        self._seen(journey, time_ms, error)
