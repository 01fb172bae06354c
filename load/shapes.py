"""How many arrivals a second, when: baseline, ramp, spike, soak, and the search for the knee."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from load.slo import Ruling
from seatrial.outcome import Outcome

SPIKE = 3.0
PAUSE, ALL = "pause", "all journeys"
NEAR, FEWEST, REPORTED_S = 1.25, 2, 1.0


@dataclass(frozen=True)
class Step:
    """What a shape asks for now.

    Attributes:
        latency: the stage's times are held against the objective; else only what fails.
        journey: only this one arrives; all, as they are weighed, where it is empty.
    """

    stage: str
    rate_per_s: float
    latency: bool = True
    journey: str = ""


@dataclass(frozen=True)
class Sight:
    """What a shape may look at: seconds since the start, arrivals under way, and the ruling of a stage."""

    elapsed_s: float
    under_way: int
    ruling: Callable[[str], Ruling]


class Shape(Protocol):
    """Says step after step, and None at the end."""

    def step(self, sight: Sight) -> Step | None:
        """Return what is wanted now."""


@dataclass(frozen=True)
class Steady:
    """The same rate all the time: baseline and soak."""

    stage: str
    rate_per_s: float
    seconds: float

    def step(self, sight: Sight) -> Step | None:
        """Return what is wanted now."""
        return Step(self.stage, self.rate_per_s) if sight.elapsed_s < self.seconds else None


@dataclass(frozen=True)
class Ramp:
    """From a tenth of the rate up to the rate, evenly."""

    rate_per_s: float
    seconds: float

    def step(self, sight: Sight) -> Step | None:
        """Return what is wanted now."""
        share = 0.1 + 0.9 * sight.elapsed_s / self.seconds
        return Step("ramp", self.rate_per_s * share) if sight.elapsed_s < self.seconds else None


@dataclass(frozen=True)
class Spike:
    """The rate, then three times that, then the rate again; once it has had time to recover, it must serve as before.

    While it is high and shortly after, what fails is judged and how long it takes is not.
    """

    rate_per_s: float
    seconds: float

    def step(self, sight: Sight) -> Step | None:
        """Return what is wanted now."""
        share = sight.elapsed_s / self.seconds
        if share < 0.3:
            return Step("before", self.rate_per_s)
        if share < 0.5:
            return Step("spike", SPIKE * self.rate_per_s, latency=False)
        if share < 0.7:
            return Step("recovery", self.rate_per_s, latency=False)
        return Step("after", self.rate_per_s) if share < 1 else None


@dataclass
class Search:
    """Find the highest rate that holds: double until one does not, then halve what lies between until a quarter is left.

    Attributes:
        journey: only this one, all where it is empty.
        start, lowest: the rate to begin with, and the one below which there is nothing to find.
        held, broke: the highest rate that held, the lowest that did not.
        stages: those that were tried, by rate.
    """

    journey: str
    start: float
    lowest: float
    held: float | None = None
    broke: float | None = None
    stages: dict[float, str] = field(default_factory=dict)

    def next(self) -> float | None:
        """Return the rate to try, None when the knee is known or cannot be."""
        if self.broke is None:
            return self.start if self.held is None else 2 * self.held
        if self.held is None:
            return self.broke / 2 if self.broke / 2 >= self.lowest else None
        return None if self.broke <= NEAR * self.held else (self.held + self.broke) / 2

    def tell(self, rate: float, ruling: Ruling) -> None:
        """Say how a rate did; one of which nothing can be said did not hold, and what did hold is looked for below it."""
        if ruling.outcome is Outcome.PASSED:
            self.held = max(rate, self.held or 0.0)
        else:
            self.broke = min(rate, self.broke or rate)


class Stress:
    """The knee of all journeys together, and then of each alone, in steps of one rate each.

    Between steps whatever is under way ends, so that no step pays for the one before.
    """

    _step: Step | None

    def __init__(self, rate_per_s: float, seconds: float, weights: Mapping[str, float]) -> None:
        self._seconds, self._until_s = seconds, 0.0
        starts = {"": rate_per_s} if len(weights) > 1 else {}
        starts |= {name: rate_per_s * weight / sum(weights.values()) for name, weight in weights.items()}
        lowest = FEWEST / seconds
        self.searches = [Search(name, max(rate, 2 * lowest), lowest) for name, rate in starts.items()]
        self._search, self._step = self.searches[0], None

    def step(self, sight: Sight) -> Step | None:
        """Return what is wanted now."""
        if self._step and sight.elapsed_s < self._until_s:
            return self._step
        # What began last is known from the workers' next report only.
        if self._step and (sight.under_way or sight.elapsed_s < self._until_s + REPORTED_S):
            return Step(PAUSE, 0.0)
        if self._step:
            self._search.tell(self._step.rate_per_s, sight.ruling(self._step.stage))
        self._step = self._next()
        self._until_s = sight.elapsed_s + self._seconds
        return self._step

    def _next(self) -> Step | None:
        for search in self.searches:
            if (rate := search.next()) is not None:
                self._search = search
                search.stages[rate] = f"{search.journey or ALL} {rate:.4g}/s"
                return Step(search.stages[rate], rate, journey=search.journey)
        return None


def shape_named(name: str, rate_per_s: float, seconds: float, weights: Mapping[str, float]) -> Shape:
    """Return a new shape."""
    made: dict[str, Callable[[], Shape]] = {
        "baseline": lambda: Steady("baseline", rate_per_s, seconds),
        "soak": lambda: Steady("soak", rate_per_s, seconds),
        "ramp": lambda: Ramp(rate_per_s, seconds),
        "spike": lambda: Spike(rate_per_s, seconds),
        "stress": lambda: Stress(rate_per_s, seconds, weights),
    }
    return made[name]()


SHAPES = ("baseline", "ramp", "spike", "soak", "stress")
