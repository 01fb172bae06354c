"""What has grown while the rate stayed the same: the last third of a run beside its first."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

FEWEST = 9
RATIO = 1.1
LEAST = {"memory": 20.0, "open files": 15.0, "processes": 3.0}
LEAST_GAUGE = 10.0
_KEYS = {"memory": "memory_mb", "open files": "files", "processes": "processes"}


@dataclass(frozen=True)
class Growth:
    """One figure of one tier: its median in the first third of a run, and in the last."""

    tier: str
    what: str
    first: float
    last: float

    @property
    def grew(self) -> bool:
        """The last third is a tenth larger than the first, and by more than such figures wander."""
        return self.last > RATIO * self.first and self.last - self.first > LEAST.get(self.what, LEAST_GAUGE)

    def __str__(self) -> str:
        unit = " MB" if self.what == "memory" else ""
        return f"{self.tier}: {self.what} GREW from {self.first:.0f} to {self.last:.0f}{unit}"


def growths(samples: Sequence[dict[str, Any]]) -> list[Growth]:
    """Return every figure of every tier; none where there are fewer than nine samples."""
    if len(samples) < FEWEST:
        return []
    third = len(samples) // 3
    first, last = (_series(part) for part in (samples[:third], samples[-third:]))
    return [Growth(*name, median(first[name]), median(values)) for name, values in last.items() if name in first]


def _series(samples: Sequence[dict[str, Any]]) -> dict[tuple[str, str], list[float]]:
    found: dict[tuple[str, str], list[float]] = {}
    for sample in samples:
        for name, tier in sample["tiers"].items():
            figures = {what: tier[key] for what, key in _KEYS.items()} | tier["gauges"]
            for what, value in figures.items():
                found.setdefault((name, what), []).append(float(value))
    return found
