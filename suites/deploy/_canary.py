"""What requests to two instances tell of their releases."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from seatrial.statistics import Arm, Judgement, Rules, judge, quantile
from seatrial.traffic import Shot
from suites.deploy._requests import Met

BASELINE, CANARY = SIDES = ("baseline", "canary")


class Kind(NamedTuple):
    """Which service was asked for what, on which side."""

    service: str
    what: str
    side: str


Shots = Sequence[Shot[Met[Kind]]]


def judged(shots: Shots, warm: int, rules: Rules) -> Judgement:
    """Judge the release by all of its services, without the first `warm` requests of each kind and side."""
    counted = past(shots, warm)
    return judge(_arm(counted, BASELINE), _arm(counted, CANARY), rules)


def past(shots: Shots, warm: int) -> list[Shot[Met[Kind]]]:
    """Leave out the first of each kind and side: connections are opened then, and caches filled."""
    passed: dict[Kind, int] = {}
    kept = []
    for shot in shots:
        kind = shot.answer.kind
        passed[kind] = passed.get(kind, 0) + 1
        if passed[kind] > warm:
            kept.append(shot)
    return kept


def rows(shots: Shots) -> list[dict[str, str | int | float]]:
    """Tell the figures of each kind and side, for the evidence."""
    table: list[dict[str, str | int | float]] = []
    for kind in sorted({shot.answer.kind for shot in shots}, key=lambda kind: (kind.service, kind.what, kind.side)):
        mine = [shot for shot in shots if shot.answer.kind == kind]
        served = [1000 * (shot.ended_s - shot.due_s) for shot in mine if not shot.answer.failure]
        row: dict[str, str | int | float] = {**kind._asdict(), "requests": len(mine), "failed": len(mine) - len(served)}
        table.append(row | {f"p{share:.0%} ms".replace("%", ""): _at(served, share) for share in (0.5, 0.95, 0.99)})
    return table


def upheld(found: Judgement, again: Judgement) -> tuple[dict[str, str], dict[str, str]]:
    """Return what a second sample upholds of a first one that found something slower, and what it leaves unclear, with the reasons.

    Whatever is slower in the second one counts: a release that slows several kinds a little need not show in the same one twice.
    """
    unclear = f"slower, and asked again nothing could be told: {again.unknown}"
    return dict(again.slower), dict.fromkeys(found.slower, unclear) if again.unknown else {}


def excused(slower: Mapping[str, str], control: Judgement) -> dict[str, str]:
    """Return what cannot be held against the release: on the canary's instance the old one (`control`) is slower, too."""
    if control.unknown:
        return dict.fromkeys(slower, f"slower, and with the old release nothing could be told: {control.unknown}")
    return {
        kind: f"slower, and so is the same instance with the old release: {control.slower[kind]}"
        for kind in slower
        if kind in control.slower
    }


def _arm(shots: Shots, side: str) -> Arm:
    mine = [shot for shot in shots if shot.answer.kind.side == side]
    latencies: dict[str, list[float]] = {shot.answer.kind.what: [] for shot in mine}
    for shot in mine:
        if not shot.answer.failure:
            latencies[shot.answer.kind.what].append(shot.ended_s - shot.due_s)
    return Arm(latencies, sum(bool(shot.answer.failure) for shot in mine))


def _at(latencies_ms: Sequence[float], share: float) -> float | str:
    return round(quantile(latencies_ms, share), 1) if latencies_ms else "none"
