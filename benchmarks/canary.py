"""Precision and recall of the canary's judge on made-up rollouts whose truth is known, beside two naive peers.

A rollout is a pair of samples: of the old release and of the new one. Worse in truth is what is more than `RATIO` times as long,
as a whole or for one request in ten, or fails more often. All three judge the same samples.

    python benchmarks/canary.py [--rollouts 100] [--requests 200] [--seed 1]
"""

import argparse
import random
import statistics
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from rich.console import Console
from rich.table import Table

from seatrial.statistics import Arm, Rules, judge, proportion_bounds

RATIO, FAILED = 1.05, 0.005
Latency = Callable[[random.Random, float], float]  # at a moment of the rollout, from 0 to 1, in seconds
Judge = Callable[[Arm, Arm], str]


def lognormal(source: random.Random, _moment: float) -> float:
    """Return what most services look like."""
    return 0.01 * source.lognormvariate(0, 0.3)


def heavy(source: random.Random, _moment: float) -> float:
    """Return a tail so heavy that the variance is infinite."""
    return 0.01 * source.paretovariate(1.8)


def bimodal(source: random.Random, _moment: float) -> float:
    """Return hits and misses of a cache."""
    return (0.002 if source.random() < 0.6 else 0.04) * source.lognormvariate(0, 0.15)


def drifting(source: random.Random, moment: float) -> float:
    """Return what becomes three times as slow on the way, for whichever release."""
    return lognormal(source, moment) * (1 + 2 * moment)


def bursty(source: random.Random, moment: float) -> float:
    """Return what is five times as slow for a tenth of the time, for whichever release."""
    return lognormal(source, moment) * (5 if moment % 0.25 > 0.225 else 1)


@dataclass(frozen=True)
class Scenario:
    """One kind of rollout.

    Attributes:
        worse: the truth about the new release.
        old: the latency of the old release.
        factor: what the new one multiplies a latency with, given that latency.
        failing: the shares that fail, old and new.
    """

    name: str
    worse: bool
    old: Latency
    factor: Callable[[random.Random, float], float] = lambda _source, _latency: 1.0
    failing: tuple[float, float] = (0.0, 0.0)

    def rollouts(self, source: random.Random, number: int, requests: int) -> Iterator[tuple[Arm, Arm]]:
        """Make up the samples."""
        for _ in range(number):
            yield self._arm(source, requests, new=False), self._arm(source, requests, new=True)

    def _arm(self, source: random.Random, requests: int, *, new: bool) -> Arm:
        latencies, failed = [], 0
        for number in range(requests):
            latency = self.old(source, number / requests)
            latency *= self.factor(source, latency) if new else 1.0
            if source.random() < self.failing[new]:
                failed += 1
            else:
                latencies.append(latency)
        return Arm({"request": latencies}, failed)


def by(factor: float) -> Callable[[random.Random, float], float]:
    """Return the same factor for each request."""
    return lambda _source, _latency: factor


def one_in_ten(source: random.Random, _latency: float) -> float:
    """Return five for one request in ten."""
    return 5.0 if source.random() < 0.1 else 1.0


def misses(_source: random.Random, latency: float) -> float:
    """Return a third more for what misses the cache."""
    return 1.33 if latency > 0.01 else 1.0


SCENARIOS = (
    Scenario("the same", worse=False, old=lognormal),
    Scenario("the same, heavy tail", worse=False, old=heavy),
    Scenario("the same, two modes", worse=False, old=bimodal),
    Scenario("the same, both drift", worse=False, old=drifting),
    Scenario("the same, both in bursts", worse=False, old=bursty),
    Scenario("both fail 2 %", worse=False, old=lognormal, failing=(0.02, 0.02)),
    Scenario("2 % slower, which is allowed", worse=False, old=lognormal, factor=by(1.02)),
    Scenario("a fifth faster", worse=False, old=lognormal, factor=by(0.8)),
    Scenario("10 % slower", worse=True, old=lognormal, factor=by(1.1)),
    Scenario("20 % slower", worse=True, old=lognormal, factor=by(1.2)),
    Scenario("50 % slower", worse=True, old=lognormal, factor=by(1.5)),
    Scenario("50 % slower, heavy tail", worse=True, old=heavy, factor=by(1.5)),
    Scenario("50 % slower, both drift", worse=True, old=drifting, factor=by(1.5)),
    Scenario("50 % slower, both in bursts", worse=True, old=bursty, factor=by(1.5)),
    Scenario("misses a third slower", worse=True, old=bimodal, factor=misses),
    Scenario("one in ten five times as slow", worse=True, old=lognormal, factor=one_in_ten),
    Scenario("fails 2 %", worse=True, old=lognormal, failing=(0.0, 0.02)),
    Scenario("fails 10 %", worse=True, old=lognormal, failing=(0.0, 0.1)),
)


def by_ranks(baseline: Arm, canary: Arm) -> str:
    """Judge as the check does."""
    rules = Rules(fewest=100, ratio=RATIO, failed_share=FAILED, sees_ratio=1.5, sees_share=0.08)
    judgement = judge(baseline, canary, rules)
    return "worse" if judgement.worse else "unknown" if judgement.unknown else "not worse"


def by_means(baseline: Arm, canary: Arm) -> str:
    """Compare means and shares of failures with the same limits."""
    old, new = (statistics.fmean(arm.latencies_s["request"]) for arm in (baseline, canary))
    failing = canary.failed / canary.requests - baseline.failed / baseline.requests > FAILED
    return "worse" if new > RATIO * old or failing else "not worse"


def by_welch(baseline: Arm, canary: Arm) -> str:
    """Compare means by Welch's test, and shares of failures by a difference of two normals, at 5 %."""
    samples = [arm.latencies_s["request"] for arm in (baseline, canary)]
    difference = statistics.fmean(samples[1]) - RATIO * statistics.fmean(samples[0])
    error = sum(
        statistics.variance(each) * scale / len(each) for each, scale in zip(samples, (RATIO**2, 1), strict=True)
    )
    shares = [arm.failed / arm.requests for arm in (baseline, canary)]
    pooled = statistics.fmean(shares)
    spread = pooled * (1 - pooled) * (1 / baseline.requests + 1 / canary.requests)
    failing = spread > 0 and (shares[1] - shares[0]) / spread**0.5 > 1.645
    return "worse" if difference > 1.645 * error**0.5 or failing else "not worse"


JUDGES: dict[str, Judge] = {"by ranks (ours)": by_ranks, "by means": by_means, "Welch's test": by_welch}


def share(found: int, of: int) -> str:
    """Return a share with its 95 % interval."""
    if not of:
        return "none"
    bounds = proportion_bounds(found, of, 0.95)
    return f"{found / of:.0%} ({bounds.low:.0%}-{bounds.high:.0%})"


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description="Precision and recall of the canary's judge beside naive peers.")
    parser.add_argument("--rollouts", type=int, default=100, help="of each kind")
    parser.add_argument("--requests", type=int, default=200, help="to each release")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    source = random.Random(given.seed)  # noqa: S311 - made-up rollouts, the same ones for the same seed
    console = Console(width=150)
    table = Table("rollout", "truth", *JUDGES, "ours: unknown", title="called worse (95 % interval)")
    right, called, unknown = dict.fromkeys(JUDGES, 0), dict.fromkeys(JUDGES, 0), 0
    for scenario in SCENARIOS:
        rollouts = list(scenario.rollouts(source, given.rollouts, given.requests))
        said = {name: [judged(*rollout) for rollout in rollouts] for name, judged in JUDGES.items()}
        worse = {name: words.count("worse") for name, words in said.items()}
        for name, count in worse.items():
            called[name] += count
            right[name] += count if scenario.worse else 0
        blind = said["by ranks (ours)"].count("unknown")
        unknown += blind
        truth = "worse" if scenario.worse else "not worse"
        table.add_row(scenario.name, truth, *(share(count, len(rollouts)) for count in worse.values()), f"{blind}")
    console.print(table)
    are_worse = given.rollouts * sum(scenario.worse for scenario in SCENARIOS)
    totals = Table(
        "judge", "precision", "recall", "false alarms", title=f"of {len(SCENARIOS) * given.rollouts} rollouts"
    )
    for name in JUDGES:
        false = called[name] - right[name]
        not_worse = len(SCENARIOS) * given.rollouts - are_worse
        totals.add_row(name, share(right[name], called[name]), share(right[name], are_worse), share(false, not_worse))
    console.print(totals)
    print(
        f"{given.requests} requests to each release, seed {given.seed}; ours left {unknown} undecided, as a check: INVALID"
    )


if __name__ == "__main__":
    main()
