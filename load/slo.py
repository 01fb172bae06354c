"""What the environment has promised, read from a file, and what a sample says about that."""

import math
import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from statistics import NormalDist
from typing import Any

from pydantic import Field, ValidationError

from load.recorder import Tally, at_share_ms
from seatrial.errors import UsageError
from seatrial.outcome import Outcome
from seatrial.profile_types import Section
from seatrial.statistics import binomial_tail

CONFIDENCE = 0.99
SHARES = {"p50_ms": 0.5, "p95_ms": 0.95, "p99_ms": 0.99}
_FAR = NormalDist().inv_cdf(1 - (1 - CONFIDENCE) / 2)


class Limits(Section):
    """What one journey may take from its intended start, which share of it may fail, and how many say anything."""

    p50_ms: float = Field(gt=0)
    p95_ms: float = Field(gt=0)
    p99_ms: float = Field(gt=0)
    failed_share: float = Field(ge=0, lt=1)
    least: int = Field(ge=1)


class GeneratorLimits(Section):
    """Beyond these the generator measures itself: its share of one core, and its event loop's lateness at p99."""

    cpu_share: float = Field(gt=0, le=1)
    lag_p99_ms: float = Field(gt=0)


class Slo(Section):
    """The service level objective under load; the shares here are of all journeys together."""

    dropped_share: float = Field(ge=0, lt=1)
    failed_share: float = Field(ge=0, lt=1)
    generator: GeneratorLimits
    journeys: dict[str, Limits]


def read_slo(path: Path) -> Slo:
    """Read the file; raises UsageError with what is wrong."""
    try:
        return Slo.model_validate(tomllib.loads(path.read_text()))
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: not TOML: {error}") from None
    except ValidationError as error:
        lines = [f"{path}: {'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors()]
        raise UsageError("\n".join(lines)) from None


@dataclass(frozen=True)
class Generator:
    """The generator while a sample was taken: the busiest worker's share of a core, and its lateness at p99."""

    cpu_share: float
    lag_p99_ms: float


@dataclass(frozen=True)
class Ruling:
    """What a sample says of the objective.

    Attributes:
        invalid: why nothing can be said.
        beyond: what is over its limit with 99 % confidence.
        unclear: what is over it in this sample, and may be chance.
        rows: the figures of each journey.
    """

    invalid: tuple[str, ...] = ()
    beyond: tuple[str, ...] = ()
    unclear: tuple[str, ...] = ()
    rows: tuple[dict[str, Any], ...] = field(default=(), repr=False)

    @property
    def outcome(self) -> Outcome:
        """A saturated generator says nothing; what was measured and is wrong outweighs what could not be told."""
        if self.invalid:
            return Outcome.INVALID
        if self.beyond:
            return Outcome.FAILED
        return Outcome.INVALID if self.unclear else Outcome.PASSED

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why it is not PASSED."""
        return self.invalid or self.beyond or self.unclear


def judge(
    tallies: Mapping[str, Tally],
    slo: Slo,
    generator: Generator,
    *,
    latency: bool = True,
) -> Ruling:
    """Hold a sample against the objective.

    Args:
        latency: judge times, too; during a spike only what fails.
    """
    invalid = _saturation(slo.generator, generator)
    beyond: list[str] = []
    unclear: list[str] = []
    rows = []
    if not any(tally.ended for tally in tallies.values()):
        invalid.append("zero arrivals have ended: nothing was measured")
    for name, tally in sorted(tallies.items()):
        limits = slo.journeys.get(name)
        if limits is None:
            invalid.append(f"{name}: the objective says nothing of this journey")
            continue
        rows.append(_row(name, tally, limits))
        if latency:
            _times(name, tally, limits, beyond, unclear)
        _failures(name, tally, limits.failed_share, beyond, unclear)
    together = Tally()
    for tally in tallies.values():
        together.add(tally)
    _failures("all journeys", together, slo.failed_share, beyond, unclear)
    if together.dropped > slo.dropped_share * together.due:
        said = f"{together.dropped} of {together.due} arrivals were dropped ({slo.dropped_share:.1%} may be)"
        unclear.append(f"{said}: too many under way")
    return Ruling(tuple(invalid), tuple(beyond), tuple(unclear), tuple(rows))


def too_few(ended: Mapping[str, int], slo: Slo, wanted: Collection[str]) -> list[str]:
    """Tell of which journeys too few arrivals have ended to say anything."""
    least = {name: slo.journeys[name].least for name in wanted if name in slo.journeys}
    return [
        f"{name}: {ended.get(name, 0)} arrivals have ended, fewer than {few} say nothing"
        for name, few in least.items()
        if ended.get(name, 0) < few
    ]


def _saturation(limits: GeneratorLimits, seen: Generator) -> list[str]:
    said = []
    if seen.cpu_share > limits.cpu_share:
        said.append(f"the generator is saturated: {seen.cpu_share:.0%} of a core, at most {limits.cpu_share:.0%}")
    if seen.lag_p99_ms > limits.lag_p99_ms:
        said.append(
            f"the generator is saturated: its event loop is {seen.lag_p99_ms:.0f} ms late at p99, "
            f"at most {limits.lag_p99_ms:g} ms"
        )
    return said


def _times(name: str, tally: Tally, limits: Limits, beyond: list[str], unclear: list[str]) -> None:
    for key, share in SHARES.items():
        limit_ms, seen_ms = getattr(limits, key), at_share_ms(tally.times, share)
        if seen_ms <= limit_ms:
            continue
        surely_ms = _low_ms(tally, share)
        line = f"{name}: {key[:3]} {seen_ms:.0f} ms, objective {limit_ms:g} ms"
        if surely_ms > limit_ms:
            beyond.append(f"{line} (for sure over {surely_ms:.0f} ms)")
        else:
            unclear.append(f"{line}; with {tally.served} served this may be chance")


def _low_ms(tally: Tally, share: float) -> float:
    """Return what the true percentile is not below, with 99 % confidence: an order statistic."""
    count = tally.served
    rank = math.floor(count * share - _FAR * math.sqrt(count * share * (1 - share)))
    return at_share_ms(tally.times, rank / count) if rank > 0 else 0.0


def _failures(name: str, tally: Tally, may_fail: float, beyond: list[str], unclear: list[str]) -> None:
    if not tally.failed or tally.failed <= may_fail * tally.ended:
        return
    line = f"{name}: {tally.failed} of {tally.ended} failed, objective {may_fail:.2%}"
    chance = binomial_tail(tally.ended, tally.failed, may_fail)
    (beyond if chance < (1 - CONFIDENCE) / 2 else unclear).append(line)


def _row(name: str, tally: Tally, limits: Limits) -> dict[str, Any]:
    shares = {key: round(at_share_ms(tally.times, share), 2) for key, share in SHARES.items()}
    return {
        "journey": name,
        "due": tally.due,
        "served": tally.served,
        "failed": tally.failed,
        "dropped": tally.dropped,
        **shares,
        "p999_ms": round(at_share_ms(tally.times, 0.999), 2),
        "max_ms": round(at_share_ms(tally.times, 1.0), 2),
        "objective_ms": [limits.p50_ms, limits.p95_ms, limits.p99_ms],
    }
