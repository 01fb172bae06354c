"""Draw what went on over time: inline pictures, as the report's own, since a page may load and run nothing."""

import math
from collections.abc import Mapping, Sequence

from seatrial.report._chart import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH, Chart

LABELS = 6


def over_time(
    unit: str, times: Sequence[float], curves: Mapping[str, Sequence[float]], *, logarithmic: bool = False
) -> Chart | None:
    """Return curves over seconds; None where there are fewer than two moments or nothing above zero.

    What is not above zero has no place on a logarithmic height; its moments are left out.
    """
    values = [value for curve in curves.values() for value in curve if value > 0]
    if len(times) < 2 or not values:
        return None
    if logarithmic:
        least = math.floor(math.log10(min(values)))
        most = max(least + 1, math.ceil(math.log10(max(values))))
        marks = [10.0**power for power in range(least, most + 1)]
        low, high = float(least), float(most)
    else:
        top = _round_up(max(values))
        marks = [top * part / 4 for part in range(5)]
        low, high = 0.0, top

    def y(value: float) -> float:
        place = math.log10(value) if logarithmic else value
        return round(HEIGHT - BOTTOM - (place - low) / (high - low) * (HEIGHT - TOP - BOTTOM), 1)

    first, last = times[0], times[-1]

    def x(moment: float) -> float:
        return round(LEFT + (moment - first) / (last - first) * (WIDTH - LEFT - RIGHT), 1)

    drawn = [
        (
            name,
            " ".join(
                f"{x(moment)},{y(value)}"
                for moment, value in zip(times, curve, strict=True)
                if _has(value, logarithmic)
            ),
        )
        for name, curve in curves.items()
    ]
    seconds = [first + (last - first) * part / (LABELS - 1) for part in range(LABELS)]
    return Chart(unit, [(x(at), f"{at:.0f}") for at in seconds], [(y(mark), f"{mark:g}") for mark in marks], drawn)


def _has(value: float, logarithmic: bool) -> bool:
    return value > 0 or not logarithmic


def _round_up(value: float) -> float:
    power = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in (1, 2, 4, 5, 8, 10) if step * power >= value * (1 - 1e-9))
