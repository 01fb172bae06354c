"""What became of arrivals: HdrHistograms in each worker, sent to the master as what is new, and merged there."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from hdrh.histogram import HdrHistogram

LOWEST_US, HIGHEST_US, DIGITS = 1, 300_000_000, 3
KEPT_ERRORS = 50


def histogram() -> HdrHistogram:
    """Return an empty histogram of microseconds, exact to three digits up to five minutes."""
    return HdrHistogram(LOWEST_US, HIGHEST_US, DIGITS)


def record_ms(times: HdrHistogram, value_ms: float) -> None:
    """Count one time; what is longer than the histogram reaches counts as the longest that it knows."""
    times.record_value(min(HIGHEST_US, max(LOWEST_US, round(1000 * value_ms))))


def at_share_ms(times: HdrHistogram, share: float) -> float:
    """Return the time that this share of the arrivals did not exceed; 0 of none."""
    return float(times.get_value_at_percentile(100 * share)) / 1000 if times.total_count else 0.0


@dataclass
class Tally:
    """The arrivals of one journey in one stage.

    Attributes:
        due: how many fell due, those included that were dropped.
        dropped: how many never began, since too many others were under way.
        failed: how many met something else than was promised; they have no time.
        times: from the intended start to the end of the journey, of those that were served.
    """

    due: int = 0
    dropped: int = 0
    failed: int = 0
    times: HdrHistogram = field(default_factory=histogram)

    @property
    def served(self) -> int:
        """How many ended as promised."""
        return int(self.times.total_count)

    @property
    def ended(self) -> int:
        """How many ended, well or not."""
        return self.served + self.failed

    def add(self, other: "Tally") -> None:
        """Count another tally's arrivals, too."""
        self.due += other.due
        self.dropped += other.dropped
        self.failed += other.failed
        self.times.add(other.times)

    def to_wire(self) -> dict[str, Any]:
        """Return what a message can carry."""
        times = self.times.encode() if self.times.total_count else b""
        return {"due": self.due, "dropped": self.dropped, "failed": self.failed, "times": times}

    @classmethod
    def from_wire(cls, data: Mapping[str, Any]) -> "Tally":
        """Read what `to_wire` made."""
        times = HdrHistogram.decode(data["times"]) if data["times"] else histogram()
        return cls(data["due"], data["dropped"], data["failed"], times)


class Recorder:
    """A worker's tallies since they were last taken."""

    def __init__(self) -> None:
        self._tallies: dict[tuple[str, str], Tally] = {}
        self._errors: Counter[str] = Counter()

    def due(self, stage: str, journey: str) -> None:
        """Count an arrival."""
        self._tally(stage, journey).due += 1

    def dropped(self, stage: str, journey: str) -> None:
        """Count an arrival that never began."""
        self._tally(stage, journey).dropped += 1

    def served(self, stage: str, journey: str, time_ms: float) -> None:
        """Count an arrival that ended as promised."""
        record_ms(self._tally(stage, journey).times, time_ms)

    def failed(self, stage: str, journey: str, why: str) -> None:
        """Count an arrival that met something else."""
        self._tally(stage, journey).failed += 1
        error = f"{journey}: {why}"
        if len(self._errors) < KEPT_ERRORS or error in self._errors:
            self._errors[error] += 1

    def take(self) -> dict[str, Any]:
        """Return what was counted since the last call, as a message carries it."""
        rows = [[stage, journey, tally.to_wire()] for (stage, journey), tally in self._tallies.items()]
        taken = {"rows": rows, "errors": dict(self._errors)}
        self._tallies, self._errors = {}, Counter()
        return taken

    def _tally(self, stage: str, journey: str) -> Tally:
        return self._tallies.setdefault((stage, journey), Tally())


class Merged:
    """All workers' tallies, by stage and journey."""

    def __init__(self) -> None:
        self.stages: dict[str, dict[str, Tally]] = {}
        self.errors: Counter[str] = Counter()

    def add(self, taken: Mapping[str, Any]) -> Tally:
        """Count what a worker has sent, and return all of that together."""
        together = Tally()
        for stage, journey, wire in taken["rows"]:
            tally = Tally.from_wire(wire)
            self.stages.setdefault(stage, {}).setdefault(journey, Tally()).add(tally)
            together.add(tally)
        self.errors.update(taken["errors"])
        return together
