"""A run on a terminal: one line every few seconds, and a table at the end."""

import time
from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from seatrial.load._run import Flight
from seatrial.outcome import Outcome

EVERY_S = 5.0
WORDS = {Outcome.PASSED: "GO", Outcome.FAILED: "NO-GO"}
STYLES = {Outcome.PASSED: "bold green", Outcome.FAILED: "bold red"}


class Progress:
    """Tells of windows as they come; on a terminal each second, in a log every five."""

    def __init__(self, console: Console) -> None:
        self._console, self._last_s = console, 0.0

    def __call__(self, window: dict[str, Any], _flight: Flight) -> None:
        """Print a line for a window, if one is due."""
        if not self._console.is_terminal and time.monotonic() < self._last_s + EVERY_S:
            return
        self._last_s = time.monotonic()
        trouble = "".join(f"  {window[name]} {name}" for name in ("failed", "dropped") if window[name])
        self._console.print(
            f"{window['t']:6.0f} s  {window['stage'] or window['phase']:14} {window['rate_per_s']:7.1f}/s asked  "
            f"{window['served']:5} served  p50 {window['p50_ms']:6.0f}  p99 {window['p99_ms']:6.0f} ms  "
            f"{window['under_way']:4} under way  generator {window['cpu_share']:4.0%}{trouble}",
            highlight=False,
            soft_wrap=True,
        )


def word_of(flight: Flight) -> str:
    """Return the verdict's word."""
    return WORDS.get(flight.outcome, "INCONCLUSIVE")


def line_of(flight: Flight, environment: str) -> str:
    """Return the line that says it all."""
    told = flight.result
    what = f"{told.get('shape', 'load')} on {environment}"
    if knees := told.get("knees"):
        what += f", {knees[0]['journey']}: {knee_of(knees[0])}"
    return f"{word_of(flight)}: {what}"


def knee_of(knee: dict[str, Any]) -> str:
    """Return between which rates the knee of a search lies, as far as it is known."""
    held, broke = knee["held_per_s"], knee["broke_per_s"]
    if held is None:
        return f"below {broke:.3g}/s" if broke and knee["known"] else "not known"
    return f"between {held:.3g} and {broke:.3g}/s" if broke and knee["known"] else f"above {held:.3g}/s"


def headroom_of(knee: dict[str, Any]) -> str:
    """Return what the generator had left where the objective last held: of a core, and how late it was all the same."""
    generator = knee["generator"]
    return f"{1 - generator['cpu_share']:.0%} of a core, {generator['lag_p99_ms']:.0f} ms late"


def tell(flight: Flight, environment: str, console: Console, *notes: Sequence[str]) -> None:
    """Print the verdict, first and last, and between them the figures, why it is not GO, and what else there is to say."""
    line, style = line_of(flight, environment), STYLES.get(flight.outcome, "bold yellow")
    console.print(Text(line, style), soft_wrap=True)
    table = Table("stage", "journey", "due", "served", "failed", "dropped", "p50", "p95", "p99", "p99.9 ms", box=None)
    for stage in flight.result.get("stages", ()):
        for row in stage["rows"]:
            figures = [f"{row[name]:.0f}" for name in ("p50_ms", "p95_ms", "p99_ms", "p999_ms")]
            counts = [str(row[name]) for name in ("due", "served", "failed", "dropped")]
            table.add_row(stage["stage"], row["journey"], *counts, *figures)
    if table.row_count:
        console.print(table)
    if knees := flight.result.get("knees"):
        table = Table("knee of", "arrivals", "generator's headroom", "what broke", box=None)
        for knee in knees:
            table.add_row(knee["journey"], knee_of(knee), headroom_of(knee), "; ".join(knee["broke_by"]))
        console.print(table)
    for reason in flight.reasons:
        console.print(Text(f"  {reason}"), soft_wrap=True)
    for said, count in flight.result.get("errors", {}).items():
        console.print(Text(f"  {count} x {said}"), soft_wrap=True)
    for note in (each for group in notes for each in group):
        console.print(Text(f"  {note}"), soft_wrap=True)
    console.print(Text(line, style), soft_wrap=True)
