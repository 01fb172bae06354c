"""What has grown while the rate stayed the same: the last third of a run beside the one before; the first warms up."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from seatrial.load._run import Flight
from seatrial.outcome import Outcome

FEWEST = 30
RATIO = 1.1
LEAST = {"memory": 20.0, "open files": 15.0, "processes": 3.0, "temporary files": 3.0}
LEAST_GAUGE = 10.0
_KEYS = {"memory": "memory_mb", "open files": "files", "processes": "processes", "temporary files": "temporary"}


@dataclass(frozen=True)
class Growth:
    """One figure of one tier: its median in the middle third of a run, and in the last."""

    tier: str
    what: str
    middle: float
    last: float

    @property
    def grew(self) -> bool:
        """The last third is a tenth larger than the middle, and by more than such figures wander."""
        return self.last > RATIO * self.middle and self.last - self.middle > LEAST.get(self.what, LEAST_GAUGE)

    def __str__(self) -> str:
        unit = " MB" if self.what == "memory" else ""
        return f"{self.tier}: {self.what} GREW from {self.middle:.0f} to {self.last:.0f}{unit}"


def growths(samples: Sequence[dict[str, Any]]) -> list[Growth]:
    """Return every figure of every tier; none where there are too few samples."""
    if len(samples) < FEWEST:
        return []
    third = len(samples) // 3
    middle, last = (_series(part) for part in (samples[-2 * third : -third], samples[-third:]))
    return [Growth(*name, median(middle[name]), median(values)) for name, values in last.items() if name in middle]


def hold_growth(flight: Flight, samples: Sequence[dict[str, Any]]) -> list[str]:
    """Hold a soak to nothing having grown, beside its times and failures; return what is to be told of it."""
    seen = growths([sample for sample in samples if sample["stage"]])
    wrong = [str(each) for each in seen if each.grew]
    if not seen:
        wrong = [f"whether anything has grown: fewer than {FEWEST} looks at the tiers say nothing"]
    flight.reasons += wrong
    if wrong and flight.outcome is Outcome.PASSED:
        flight.outcome = Outcome.FAILED if seen else Outcome.INVALID
    kinds = "memory, open files and sockets, processes, temporary files, gauges"
    return [f"{sum(each.grew for each in seen)} of {len(seen)} figures of the tiers have grown ({kinds})"]


def _series(samples: Sequence[dict[str, Any]]) -> dict[tuple[str, str], list[float]]:
    found: dict[tuple[str, str], list[float]] = {}
    for sample in samples:
        for name, tier in sample["tiers"].items():
            figures = {what: tier[key] for what, key in _KEYS.items()} | tier["gauges"]
            for what, value in figures.items():
                found.setdefault((name, what), []).append(float(value))
    return found
