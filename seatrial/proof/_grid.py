"""Draw the detection matrix: a row for each fault, a column for each check, nothing where nothing was asked."""

from collections.abc import Iterable
from dataclasses import dataclass

from seatrial.expected import Row
from seatrial.outcome import Outcome
from seatrial.proof._trial import Proof, Proven, worst_of_each

LEFT, TOP, CELL, GAP = 250, 96, 11, 6
# The ways in which a cell can be drawn, with what each means.
MEANING = {
    "noticed": "ended as the fault demands, for the stated reason",
    "missed": "should have noticed and did not",
    "also": "turned red beside, though the fault does not name it",
    "green": "was asked beside, and stayed green",
    "open": "was asked and gave no measurement",
    "none": "was not asked: nothing is known",
}


@dataclass(frozen=True)
class Cell:
    """One outcome; `css` is a key of `MEANING`."""

    x: int
    y: int
    css: str
    title: str


@dataclass(frozen=True)
class Grid:
    """A picture; all figures are places in it.

    Attributes:
        columns: (x, check) by suite.
        rows: (y, fault, how its trial ended) by kind.
        bands: (x, width, suite) and (y, height, kind): where anything could have been measured.
        green: the cells that stayed green, as the path of an SVG; they are too many to be told one by one.
    """

    width: int
    height: int
    columns: list[tuple[int, str]]
    rows: list[tuple[int, str, Proof]]
    suites: list[tuple[int, int, str]]
    kinds: list[tuple[int, int, str]]
    cells: list[Cell]
    green: str


def grid(trials: list[Proven], checks: Iterable[Row]) -> Grid:
    """Return the picture of trials; of a fault that was tried more than once, of the trial that proves least."""
    by_suite = sorted(checks, key=lambda row: (row.suite, row.id))
    by_kind = sorted(worst_of_each(trials).values(), key=lambda trial: (trial.kind, trial.fault))
    xs, suites = _places([(row.id, row.suite) for row in by_suite], LEFT)
    ys, kinds = _places([(trial.fault, trial.kind) for trial in by_kind], TOP)
    cells, green = [], []
    for trial in by_kind:
        for name, outcome in {**trial.beside, **trial.seen}.items():
            css = _css(trial, name, outcome)
            if css == "green":
                green.append(f"M{xs[name] + 3},{ys[trial.fault] + 3}h5v5h-5z")
            else:
                cells.append(Cell(xs[name], ys[trial.fault], css, f"{trial.fault}: {name} {outcome}, {MEANING[css]}"))
    return Grid(
        width=max([LEFT, *(x + CELL for x in xs.values())]),
        height=max([TOP, *(y + CELL for y in ys.values())]),
        columns=[(x, name) for name, x in xs.items()],
        rows=[(ys[trial.fault], trial.fault, trial.proof) for trial in by_kind],
        suites=suites,
        kinds=kinds,
        cells=cells,
        green="".join(green),
    )


def _css(trial: Proven, name: str, outcome: str) -> str:
    if name in trial.seen:
        if trial.proof is Proof.CAUGHT:
            return "noticed"
        return "missed" if trial.proof is Proof.MISSED else "open"
    return {Outcome.FAILED: "also", Outcome.PASSED: "green"}.get(Outcome(outcome), "open")


def _places(names: list[tuple[str, str]], start: int) -> tuple[dict[str, int], list[tuple[int, int, str]]]:
    """Return the place of each name, with a gap between groups, and (start, length, group) of each group."""
    places: dict[str, int] = {}
    bands: list[tuple[int, int, str]] = []
    at = start
    for name, group in names:
        if not bands or bands[-1][2] != group:
            at += GAP if bands else 0
            bands.append((at, 0, group))
        places[name] = at
        at += CELL
        bands[-1] = (bands[-1][0], at - bands[-1][0], group)
    return places, bands
