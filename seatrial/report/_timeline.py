"""Draw a drill's timeline: what broke when, what clients saw, when it was whole again."""

from dataclasses import dataclass
from typing import Any

WIDTH = 640
LEFT, RIGHT, TOP, ROW, AXIS = 90, 10, 22, 30, 20
_STEPS = (0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600)
_MOST_TICKS = 12


@dataclass(frozen=True)
class Row:
    """The calls of one kind.

    Attributes:
        y: the row's lower edge.
        good, bad: where calls that fell due are drawn, as the path of an SVG.
        told: how many there were, and how many went wrong.
    """

    name: str
    y: int
    good: str
    bad: str
    told: str


@dataclass(frozen=True)
class Timeline:
    """A picture; all figures are places in it.

    Attributes:
        marks: (x, number, seconds, what) of each event, by time; the numbers count from 1.
        ticks: (x, label) along the axis, in seconds since the strike.
        rows: one for each kind of call.
    """

    height: int
    marks: list[tuple[float, int, float, str]]
    ticks: list[tuple[float, str]]
    rows: list[Row]


def timeline(value: Any) -> Timeline | None:
    """Return the picture of `{"events": [[s, what], ...], "calls": {name: [[due s, took s, good], ...]}}`, else None."""
    if not isinstance(value, dict) or value.keys() != {"events", "calls"} or not value["events"]:
        return None
    events: list[tuple[float, str]] = sorted(
        ((float(at), str(what)) for at, what in value["events"]), key=lambda event: event[0]
    )
    times: list[float] = [at for at, _ in events] + [call[0] for calls in value["calls"].values() for call in calls]
    low, high = min(times), max(*times, min(times) + 1.0)

    def x(at: float) -> float:
        return round(LEFT + (at - low) / (high - low) * (WIDTH - LEFT - RIGHT), 1)

    step = next((each for each in _STEPS if (high - low) / each <= _MOST_TICKS), _STEPS[-1])
    ticks, at = [], step * -(-low // step)
    while at <= high:
        ticks.append((x(at), f"{at:g}"))
        at += step
    rows = []
    for place, (name, calls) in enumerate(value["calls"].items()):
        y = TOP + ROW * (place + 1)
        good = "".join(f"M{x(due)},{y}v-10" for due, _, fine in calls if fine)
        bad = "".join(f"M{x(due)},{y}v-22" for due, _, fine in calls if not fine)
        wrong = sum(not fine for _, _, fine in calls)
        rows.append(Row(name, y, good, bad, f"{len(calls)} calls, {wrong} failed or without an answer"))
    marks = [(x(at), number, at, what) for number, (at, what) in enumerate(events, 1)]
    return Timeline(TOP + ROW * len(rows) + AXIS, marks, ticks, rows)
