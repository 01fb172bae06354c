"""Runs of the past: a line of JSON for each, and whether the newest is slower than they lead one to expect."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from seatrial.load._run import Flight, Wanted
from seatrial.outcome import Outcome
from seatrial.statistics import predict

FEWEST, MOST = 5, 20
DOUBT, POWER = 0.01, 0.8
FIGURE = "p95_ms"


@dataclass(frozen=True)
class Change:
    """One journey beside its past.

    Attributes:
        limit_ms: what the past allows; more is a change for the worse with 99 % confidence.
        detectable: how many times the usual it must be to be found with a chance of 80 %.
    """

    journey: str
    value_ms: float
    limit_ms: float
    detectable: float
    runs: int

    @property
    def worse(self) -> bool:
        """The newest is slower than chance allows."""
        return self.value_ms > self.limit_ms

    def __str__(self) -> str:
        seen = "SLOWER than before" if self.worse else "as before"
        return (
            f"{self.journey}: p95 {self.value_ms:.0f} ms, {seen}: up to {self.limit_ms:.0f} ms is usual after {self.runs} "
            f"runs, and {self.detectable:.2f} times the usual would be found 4 times in 5"
        )


def history_file(out: Path, environment: str) -> Path:
    """Return where an environment's runs are kept."""
    return out / "history" / f"load-{quote(environment, safe='')}.jsonl"


def row_of(flight: Flight, wanted: Wanted, *, at: str, release: str) -> dict[str, Any]:
    """Return what is kept of a run: figures of its first stage, which every shape has as it begins."""
    stages = flight.result.get("stages", [])
    return {
        "at": at,
        "release": release,
        "outcome": str(flight.outcome),
        "shape": wanted.shape,
        "journey": wanted.journey,
        "workers": max(1, wanted.workers + wanted.expect_workers),
        "seconds": wanted.seconds,
        "rate_per_s": stages[0]["rate_per_s"] if stages else 0.0,
        "journeys": {row["journey"]: row for row in stages[0]["rows"]} if stages else {},
        "knees_per_s": {knee["journey"]: knee["held_per_s"] for knee in flight.result.get("knees", ())},
    }


def alike(rows: Sequence[dict[str, Any]], newest: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the last runs that were made as the newest one was, and measured something; the newest itself is none."""
    same = ("shape", "journey", "workers", "seconds", "rate_per_s")
    return [
        row
        for row in rows
        if row["outcome"] != Outcome.INVALID and all(row[name] == newest[name] for name in same) and row is not newest
    ][-MOST:]


def changes(past: Sequence[dict[str, Any]], newest: dict[str, Any]) -> list[Change]:
    """Compare each journey with its past; nothing is said before there are five runs."""
    found = []
    for journey, row in newest["journeys"].items():
        values = [each["journeys"][journey][FIGURE] for each in past if journey in each["journeys"]]
        values = [value for value in values if value > 0]
        if len(values) >= FEWEST and row[FIGURE] > 0:
            seen = predict(values, doubt=DOUBT, power=POWER)
            found.append(Change(journey, row[FIGURE], seen.limit, seen.detectable, len(values)))
    return found


def read(file: Path) -> list[dict[str, Any]]:
    """Return the runs that were kept; a line that is none, such as one that was cut short by a crash, is left out."""
    whole = row_of(Flight(Outcome.INVALID, []), Wanted(), at="", release="").keys()
    rows = []
    for line in file.read_text(errors="replace").splitlines() if file.is_file() else ():
        try:
            row = json.loads(line)
        except ValueError:
            continue
        if isinstance(row, dict) and whole <= row.keys():
            rows.append(row)
    return rows


def keep(file: Path, row: dict[str, Any]) -> None:
    """Add a run."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("a") as kept:
        kept.write(json.dumps(row) + "\n")
