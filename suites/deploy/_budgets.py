"""What answers may take and how many may fail, as a profile states it, and what a sample says about that."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from seatrial import Invalid
from seatrial.statistics import binomial_tail, proportion_bounds, quantile, quantile_bounds

CONFIDENCE = 0.99
ALL = "all endpoints"
FEWEST = 100  # with fewer the 99th percentile would be the largest value
_LINE = re.compile(r"(?P<endpoint>[a-z -]+): (\d+) / (\d+) / (\d+) ms, (\d+(?:\.\d+)?) % failed")
SHARES = (0.5, 0.95, 0.99)


@dataclass(frozen=True)
class Budget:
    """What one endpoint may take at the 50th, 95th and 99th percentile, and which share may fail."""

    endpoint: str
    limits_ms: tuple[float, float, float]
    failed_share: float

    @classmethod
    def parse(cls, line: str) -> "Budget":
        """Read "list of assets: 100 / 250 / 1000 ms, 0.1 % failed"; raises Invalid."""
        found = _LINE.fullmatch(line)
        if not found:
            raise Invalid(f'targets.budgets has {line!r}, which is not like "name: 100 / 250 / 1000 ms, 0.1 % failed"')
        limits = float(found[2]), float(found[3]), float(found[4])
        return cls(found["endpoint"], limits, float(found[5]) / 100)


@dataclass(frozen=True)
class Sample:
    """What became of the requests to one endpoint; a failed one has no latency."""

    endpoint: str
    latencies_ms: Sequence[float]
    failed: int

    @property
    def requests(self) -> int:
        """How many were made."""
        return len(self.latencies_ms) + self.failed


@dataclass(frozen=True)
class Weighed:
    """A sample beside its budget.

    Attributes:
        beyond: what is over the budget for sure, one line each.
        unclear: what is over it in this sample, and may be chance.
        row: the figures, for the evidence.
    """

    beyond: tuple[str, ...]
    unclear: tuple[str, ...]
    row: dict[str, str | int]


def weigh(sample: Sample, budget: Budget) -> Weighed:
    """Compare each figure with its limit; over it for sure is what has the limit below its confidence bound."""
    beyond, unclear = [], []
    row: dict[str, str | int] = {"endpoint": sample.endpoint, "requests": sample.requests, "failed": sample.failed}
    for share, limit_ms in zip(SHARES, budget.limits_ms, strict=True):
        name = f"p{share * 100:.0f}"
        if not sample.latencies_ms:
            row[f"{name} ms (budget)"] = f"none ({limit_ms:g})"
            continue
        seen_ms, bounds = quantile(sample.latencies_ms, share), quantile_bounds(sample.latencies_ms, share, CONFIDENCE)
        row[f"{name} ms (budget)"] = f"{seen_ms:.1f} ({limit_ms:g})"
        if bounds.low > limit_ms:
            beyond.append(f"{name} {seen_ms:.0f} ms, for sure over {bounds.low:.0f} ms; budget {limit_ms:g} ms")
        elif seen_ms > limit_ms:
            unclear.append(f"{name} of {sample.endpoint} {seen_ms:.0f} ms, budget {limit_ms:g} ms")
    over, maybe = _failures(sample, budget)
    return Weighed((*beyond, *over), (*unclear, *maybe), row)


def _failures(sample: Sample, budget: Budget) -> tuple[list[str], list[str]]:
    if not sample.failed or sample.failed <= budget.failed_share * sample.requests:
        return [], []
    bounds = proportion_bounds(sample.failed, sample.requests, CONFIDENCE)
    line = f"{sample.failed} of {sample.requests} failed ({bounds.low:.1%} to {bounds.high:.1%}), budget {budget.failed_share:.1%}"
    chance = binomial_tail(sample.requests, sample.failed, budget.failed_share)
    return ([line], []) if chance < (1 - CONFIDENCE) / 2 else ([], [f"{sample.endpoint}: {line}"])
