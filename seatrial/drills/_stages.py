"""The stages of a recovery as evidence, of one rehearsal and of many."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from seatrial.outcome import Outcome, Result
from seatrial.statistics import quantile

RTO = "RTO"
_WORST_FIRST = (Outcome.FAILED, Outcome.INVALID, Outcome.NOT_RUN)


def stage_rows(reached: Mapping[str, float], budgets_s: Mapping[str, float]) -> Iterator[dict[str, Any]]:
    """Give a row for each stage: when it was reached, and how long it may take."""
    for name, seconds in reached.items():
        yield {"stage": name, "s": seconds, "budget s": budgets_s.get(name)}


def of_many(results: Iterable[Result]) -> Result:
    """Make one result of several rehearsals of a drill: the first of the worst outcome, else the last, with the distribution."""
    ran = list(results)
    bad = [result for result in ran if result.outcome is not Outcome.PASSED]
    shown = min(bad, key=lambda result: _WORST_FIRST.index(result.outcome), default=ran[-1])
    told = {"rehearsals": f"{len(ran) - len(bad)} of {len(ran)} passed", "RTO, of all rehearsals": distribution(ran)}
    return replace(shown, evidence={**shown.evidence, **told}, duration_s=sum(result.duration_s for result in ran))


def distribution(results: Iterable[Result]) -> list[dict[str, Any]]:
    """Sum up each stage over all rehearsals that reached it: how many, median, 95th percentile, longest, and the budget."""
    seen: dict[str, list[float]] = {}
    budgets: dict[str, Any] = {}
    for result in results:
        for row in result.evidence.get(RTO, ()):
            seen.setdefault(row["stage"], []).append(float(row["s"]))
            budgets[row["stage"]] = row["budget s"]
    return [
        {
            "stage": name,
            "times": len(values),
            "median s": quantile(values, 0.5),
            "p95 s": quantile(values, 0.95),
            "max s": max(values),
            "budget s": budgets[name],
        }
        for name, values in seen.items()
    ]
