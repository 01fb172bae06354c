"""Whether the generator itself keeps up: the CPU that it takes, and how late its event loop wakes up."""

import time
from dataclasses import dataclass

import gevent
from hdrh.histogram import HdrHistogram

from load.recorder import histogram, record_ms

TICK_S = 0.02


@dataclass(frozen=True)
class Vitals:
    """The generator since the last look: its share of one core, and how late it woke up, in ms."""

    cpu_share: float
    lags: HdrHistogram


class Pulse:
    """Wakes up all the time, and counts by how much it comes late."""

    def __init__(self) -> None:
        self._lags = histogram()
        self._wall_s, self._cpu_s = time.perf_counter(), time.process_time()

    def beat(self) -> None:
        """Go on until this greenlet is ended."""
        while True:
            asleep_s = time.perf_counter()
            gevent.sleep(TICK_S)
            record_ms(self._lags, 1000 * (time.perf_counter() - asleep_s - TICK_S))

    def take(self) -> Vitals:
        """Return what was seen since the last call."""
        wall_s, cpu_s, lags = time.perf_counter(), time.process_time(), self._lags
        share = (cpu_s - self._cpu_s) / max(wall_s - self._wall_s, 1e-9)
        self._wall_s, self._cpu_s, self._lags = wall_s, cpu_s, histogram()
        return Vitals(share, lags)
