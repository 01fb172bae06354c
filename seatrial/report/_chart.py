"""Draw evidence that is one curve for each name: an inline picture, since the page may load and run nothing."""

import math
from dataclasses import dataclass
from typing import Any

WIDTH, HEIGHT = 640, 240
LEFT, RIGHT, TOP, BOTTOM = 50, 10, 10, 24


@dataclass(frozen=True)
class Chart:
    """A picture with a logarithmic height; all figures are places in it.

    Attributes:
        unit: of the values.
        columns: (x, label) of each place along the curves.
        levels: (y, label) of each value that has a line across.
        curves: (name, points as SVG takes them, "x,y x,y").
    """

    unit: str
    columns: list[tuple[float, str]]
    levels: list[tuple[float, str]]
    curves: list[tuple[str, str]]


def chart(value: Any) -> Chart | None:
    """Return the picture of `{"unit": "ms", "at": ["p50", ...], "curves": {name: [value at each, ...]}}`, else None.

    What is not above zero has no place on a logarithmic height, and its curve is left out.
    """
    if not isinstance(value, dict) or value.keys() != {"unit", "at", "curves"}:
        return None
    at = [str(each) for each in value["at"]]
    drawn = {
        str(name): numbers
        for name, numbers in value["curves"].items()
        if len(numbers) == len(at) > 1 and all(isinstance(each, int | float) and each > 0 for each in numbers)
    }
    if not drawn:
        return None
    low = math.floor(math.log10(min(map(min, drawn.values()))))
    high = max(low + 1, math.ceil(math.log10(max(map(max, drawn.values())))))
    step = (WIDTH - LEFT - RIGHT) / (len(at) - 1)

    def y(number: float) -> float:
        return round(HEIGHT - BOTTOM - (math.log10(number) - low) / (high - low) * (HEIGHT - TOP - BOTTOM), 1)

    columns = [(round(LEFT + place * step, 1), label) for place, label in enumerate(at)]
    curves = [
        (name, " ".join(f"{x},{y(number)}" for (x, _), number in zip(columns, numbers, strict=True)))
        for name, numbers in drawn.items()
    ]
    return Chart(
        str(value["unit"]), columns, [(y(10**power), f"{10.0**power:g}") for power in range(low, high + 1)], curves
    )
