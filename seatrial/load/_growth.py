"""What has grown while the rate stayed the same: the last third of a run beside the one before; the first warms up."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from typing import Any

from seatrial.load._run import Flight
from seatrial.outcome import Outcome

FEWEST = 30
# For how long nobody may have looked: so long at least, or this part of the run.
LEAST_UNSEEN_S, MOST_UNSEEN = 10.0, 0.1
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
    middle, last = (_series(part) for part in _thirds(samples)[1:])
    return [Growth(*name, median(middle[name]), median(values)) for name, values in last.items() if name in middle]


def hold_growth(flight: Flight, samples: Sequence[dict[str, Any]], seconds: float) -> list[str]:
    """Hold a soak to nothing having grown, beside its times and failures; return what is to be told of it.

    Args:
        seconds: how long the soak was to be.
    """
    looks = [sample for sample in samples if sample["stage"]]
    seen, unseen = growths(looks), _unseen(looks, seconds)
    grew = [str(each) for each in seen if each.grew]
    flight.reasons += [*grew, *(f"whether anything has grown: {each}" for each in unseen)]
    if (grew or unseen) and flight.outcome is Outcome.PASSED:
        flight.outcome = Outcome.FAILED if grew else Outcome.INVALID
    kinds = "memory, open files and sockets, processes, temporary files, gauges"
    return [f"{sum(each.grew for each in seen)} of {len(seen)} figures of the tiers have grown ({kinds})"]


def _unseen(looks: Sequence[dict[str, Any]], seconds: float) -> list[str]:
    """Say what of a soak nobody has seen: without it its thirds are those of another run."""
    if len(looks) < FEWEST:
        return [f"fewer than {FEWEST} looks at the tiers say nothing"]
    at = [look["t"] for look in looks]
    longest_s = max(seconds - (at[-1] - at[0]), *(later - sooner for sooner, later in pairwise(at)))
    if longest_s > max(LEAST_UNSEEN_S, MOST_UNSEEN * seconds):
        return [f"for {longest_s:.0f} of {seconds:.0f} s nobody looked at the tiers"]
    middle, last = ({name for look in part for name in look["tiers"]} for part in _thirds(looks)[1:])
    return [f"{name} was not seen any more in the last third" for name in sorted(middle - last)]


def _thirds(looks: Sequence[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """Part looks by when they were taken."""
    began, third_s = looks[0]["t"], (looks[-1]["t"] - looks[0]["t"]) / 3
    parts: list[list[dict[str, Any]]] = [[], [], []]
    for look in looks:
        parts[min(2, int((look["t"] - began) / third_s))].append(look)
    return parts


def _series(samples: Sequence[dict[str, Any]]) -> dict[tuple[str, str], list[float]]:
    found: dict[tuple[str, str], list[float]] = {}
    for sample in samples:
        for name, tier in sample["tiers"].items():
            figures = {what: tier[key] for what, key in _KEYS.items()} | tier["gauges"]
            for what, value in figures.items():
                found.setdefault((name, what), []).append(float(value))
    return found
