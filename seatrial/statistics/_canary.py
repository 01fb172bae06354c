"""Judge a new release by what it does beside the old one at the same time: latency, its tail, and failures."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from seatrial.statistics._proportions import chance_of_more, smallest_detectable_share
from seatrial.statistics._quantiles import quantile
from seatrial.statistics._ranks import compare, smallest_detectable_ratio

TAIL = 0.95


@dataclass(frozen=True)
class Arm:
    """What one of the two releases did.

    Attributes:
        latencies_s: kind of request -> how long those took that were served.
        failed: how many requests of any kind were not.
    """

    latencies_s: Mapping[str, Sequence[float]]
    failed: int = 0

    @property
    def requests(self) -> int:
        """How many requests it was sent."""
        return sum(map(len, self.latencies_s.values())) + self.failed


@dataclass(frozen=True)
class Rules:
    """What counts as worse, and what a judgement must have been able to see.

    Attributes:
        fewest: with fewer served requests of a kind than this on either side nothing is judged.
        ratio: how many times the baseline's latency is still not worse.
        failed_share: how much larger a share of failures is still not worse.
        sees_ratio: a judgement that would have missed this slowdown is none.
        sees_share: a judgement that would have missed this share of failures is none.
        doubt: the chance, for each comparison, to call a release worse that is at the limit.
        power: the chance with which a regression must be seen to count as seen.
    """

    fewest: int
    ratio: float
    failed_share: float
    sees_ratio: float
    sees_share: float
    doubt: float = 0.002
    power: float = 0.9


@dataclass(frozen=True)
class Judgement:
    """What was found, and what could have been.

    Attributes:
        smallest_ratio: kind of request -> the smallest slowdown that these samples could show.
        smallest_share: the smallest share of failures that they could show.
        slower: kind of request -> why the canary is slower there, as a whole or in its tail.
        failing: why it fails more often, empty when it does not.
        unknown: why nothing can be said, empty when something can.
    """

    smallest_ratio: Mapping[str, float]
    smallest_share: float
    slower: Mapping[str, str]
    failing: str
    unknown: str

    @property
    def worse(self) -> tuple[str, ...]:
        """Every reason to keep the canary from going on."""
        slower = [f"{kind}: {why}" for kind, why in self.slower.items()]
        return (*slower, self.failing) if self.failing else tuple(slower)

    @property
    def sight(self) -> str:
        """What the samples could show, in words."""
        ratios = ", ".join(f"{kind} {ratio:.2f} times as long" for kind, ratio in self.smallest_ratio.items())
        return f"smallest regression to be seen: {ratios}{', ' if ratios else ''}{self.smallest_share:.1%} failed"


def judge(baseline: Arm, canary: Arm, rules: Rules) -> Judgement:
    """Compare a canary with a baseline of the same time.

    Latency as a whole is compared by ranks with `ratio` times the baseline's: is it likelier that a request to the
    canary takes longer? The tail is compared by how many of each lie beyond the 95th percentile of both together, which
    sees what goes wrong for one request in ten and leaves the ranks as they are. Failures are compared exactly.
    """
    share = smallest_detectable_share(canary.requests, baseline.failed, baseline.requests, rules.doubt, rules.power)
    failing = _failing(baseline, canary, rules)
    kinds = baseline.latencies_s.keys() | canary.latencies_s.keys()
    served = {
        kind: min(len(baseline.latencies_s.get(kind, ())), len(canary.latencies_s.get(kind, ())))
        for kind in sorted(kinds)
    }
    few = [f"{count} of {kind}" for kind, count in served.items() if count < rules.fewest]
    if few or not kinds:
        said = f"{', '.join(few) or 'no request'} served on one side, at least {rules.fewest} are needed"
        return Judgement({}, share, {}, failing, "" if failing else said)
    ratios = {kind: _sight(baseline, canary, kind, rules) for kind in served}
    slower = {kind: why for kind in served if (why := _slower(baseline, canary, kind, rules))}
    judgement = Judgement(ratios, share, slower, failing, "")
    if judgement.worse or (max(ratios.values()) <= rules.sees_ratio and share <= rules.sees_share):
        return judgement
    wanted = f"{rules.sees_ratio:g} times as long and {rules.sees_share:.1%} failed must be"
    return Judgement(ratios, share, slower, failing, f"{judgement.sight}; {wanted}")


def _sight(baseline: Arm, canary: Arm, kind: str, rules: Rules) -> float:
    latencies, count = baseline.latencies_s[kind], len(canary.latencies_s[kind])
    if not any(latencies):
        return math.inf
    return smallest_detectable_ratio(latencies, count, margin=rules.ratio, doubt=rules.doubt, power=rules.power)


def _slower(baseline: Arm, canary: Arm, kind: str, rules: Rules) -> str:
    old, new = baseline.latencies_s[kind], canary.latencies_s[kind]
    allowed = [rules.ratio * each for each in old]
    ranks = compare(allowed, new)
    if ranks.chance < rules.doubt:
        return (
            f"median {_ms(new, 0.5)} beside {_ms(old, 0.5)} ms, {ranks.larger:.0%} of pairs more than "
            f"{rules.ratio:g} times as long (p = {ranks.chance:.1g})"
        )
    beyond_s = quantile([*allowed, *new], TAIL)
    slow, slow_before = (sum(each > beyond_s for each in latencies) for latencies in (new, allowed))
    chance = chance_of_more(slow, len(new), slow_before, len(allowed))
    if chance < rules.doubt:
        return f"95th percentile {_ms(new, TAIL)} beside {_ms(old, TAIL)} ms, {slow} of the {slow + slow_before} slowest (p = {chance:.1g})"
    return ""


def _failing(baseline: Arm, canary: Arm, rules: Rules) -> str:
    if not canary.requests or not baseline.requests:
        return ""
    more = canary.failed / canary.requests - baseline.failed / baseline.requests
    chance = chance_of_more(canary.failed, canary.requests, baseline.failed, baseline.requests)
    if chance >= rules.doubt or more <= rules.failed_share:
        return ""
    return (
        f"{canary.failed} of {canary.requests} requests failed beside {baseline.failed} of {baseline.requests} "
        f"(p = {chance:.1g})"
    )


def _ms(latencies_s: Sequence[float], share: float) -> str:
    return f"{1000 * quantile(latencies_s, share):.1f}"
