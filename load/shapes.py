"""How many arrivals a second, when: baseline, ramp, spike, soak, and the search for the knee."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from load.slo import Ruling
from seatrial.outcome import Outcome

SPIKE = 3.0
PAUSE = "pause"


@dataclass(frozen=True)
class Step:
    """What a shape asks for now.

    Attributes:
        latency: the stage's times are held against the objective; else only what fails.
    """

    stage: str
    rate_per_s: float
    latency: bool = True


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
    """Find the highest rate that holds: double until one does not, then halve what lies between.

    Attributes:
        held, broke: the highest rate that held, the lowest that did not.
        within: how close they are to be, as a share.
    """

    start: float
    within: float = 0.1
    held: float | None = None
    broke: float | None = None

    def next(self) -> float | None:
        """Return the rate to try, None when the knee is known."""
        if self.broke is None:
            return self.start if self.held is None else 2 * self.held
        if self.held is None:
            lower = self.broke / 2
            return lower if lower >= self.start / 16 else None
        if self.broke <= (1 + self.within) * self.held:
            return None
        return (self.held + self.broke) / 2

    def tell(self, rate: float, *, holds: bool) -> None:
        """Say how a rate did."""
        if holds:
            self.held = max(rate, self.held or 0.0)
        else:
            self.broke = min(rate, self.broke or rate)


@dataclass
class Stress:
    """Steps of one rate each; between them whatever is under way ends, so that no step pays for the one before.

    Attributes:
        stopped: why the search has ended before the knee was found.
    """

    rate_per_s: float
    seconds: float
    search: Search = field(init=False)
    stopped: str = ""
    tried: list[tuple[str, float]] = field(default_factory=list)
    _until_s: float = 0.0

    def __post_init__(self) -> None:
        self.search = Search(self.rate_per_s)

    def step(self, sight: Sight) -> Step | None:
        """Return what is wanted now."""
        if self.tried and sight.elapsed_s < self._until_s:
            return Step(*self.tried[-1])
        if self.tried:
            if sight.under_way:
                return Step(PAUSE, 0.0)
            if not self._told(sight):
                return None
        rate = self.search.next()
        if rate is None:
            return None
        self.tried.append((f"{rate:.4g}/s, step {len(self.tried) + 1}", rate))
        self._until_s = sight.elapsed_s + self.seconds
        return Step(*self.tried[-1])

    def _told(self, sight: Sight) -> bool:
        stage, rate = self.tried[-1]
        ruling = sight.ruling(stage)
        if ruling.invalid:
            self.stopped = f"{rate:.4g}/s: {'; '.join(ruling.invalid)}"
            return False
        self.search.tell(rate, holds=ruling.outcome is Outcome.PASSED)
        return True


def shape_named(name: str, rate_per_s: float, seconds: float) -> Shape:
    """Return a new shape."""
    made: dict[str, Callable[[], Shape]] = {
        "baseline": lambda: Steady("baseline", rate_per_s, seconds),
        "soak": lambda: Steady("soak", rate_per_s, seconds),
        "ramp": lambda: Ramp(rate_per_s, seconds),
        "spike": lambda: Spike(rate_per_s, seconds),
        "stress": lambda: Stress(rate_per_s, seconds),
    }
    return made[name]()


SHAPES = ("baseline", "ramp", "spike", "soak", "stress")
