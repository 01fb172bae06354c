"""What a reader needs first, drawn from a verdict once for the page and the terminal."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

from seatrial.outcome import Footprint, Outcome, Result
from seatrial.verdict import Ruling, Verdict


@dataclass(frozen=True)
class Gap:
    """Checks that share one reason for not having been run."""

    reason: str
    ids: tuple[str, ...]
    required: tuple[str, ...]


@dataclass(frozen=True)
class Digest:
    """A verdict's results by what they mean to its reader.

    Attributes:
        sentence: the ruling in one sentence, with figures.
        failed: required checks that failed and hold no waiver: the reasons for NO-GO.
        accepted: failed or unmeasured, but waived.
        noted: failed, but not required.
        invalid: could not be measured.
        gaps: not run, grouped by reason, those with required checks first.
        counts: outcome -> number of checks, all four outcomes.
    """

    sentence: str
    failed: tuple[Result, ...]
    accepted: tuple[Result, ...]
    noted: tuple[Result, ...]
    invalid: tuple[Result, ...]
    gaps: tuple[Gap, ...]
    counts: dict[str, int]


def digest(verdict: Verdict) -> Digest:
    """Sort a verdict's results by what they mean to its reader."""
    required, waived = set(verdict.required), set(verdict.waivers)
    by_outcome = Counter(result.outcome for result in verdict.results)
    failed = [result for result in verdict.results if result.outcome is Outcome.FAILED]
    open_failures = tuple(r for r in failed if r.id in required and r.id not in waived)
    return Digest(
        sentence=_sentence(verdict, open_failures),
        failed=open_failures,
        accepted=tuple(r for r in verdict.results if r.id in waived and r.outcome is not Outcome.PASSED),
        noted=tuple(r for r in failed if r.id not in required and r.id not in waived),
        invalid=tuple(r for r in verdict.results if r.outcome is Outcome.INVALID),
        gaps=_gaps(verdict, required),
        counts={str(outcome): by_outcome[outcome] for outcome in Outcome},
    )


def _gaps(verdict: Verdict, required: set[str]) -> tuple[Gap, ...]:
    ids: dict[str, list[str]] = {}
    for result in verdict.results:
        if result.outcome is Outcome.NOT_RUN:
            ids.setdefault(result.reason or "no reason given", []).append(result.id)
    gaps = [Gap(why, tuple(names), tuple(n for n in names if n in required)) for why, names in ids.items()]
    return tuple(sorted(gaps, key=lambda gap: (not gap.required, -len(gap.ids), gap.reason)))


def _passed(needed: int, waived: int) -> str:
    if waived:
        excused = f"{waived} did not and {'is' if waived == 1 else 'are'} excused by a waiver"
        return f"{_checks(needed)} had to pass: {needed - waived} did, {excused}."
    return f"{_checks(needed)} had to pass, and {'it did' if needed == 1 else 'all did'}."


def _sentence(verdict: Verdict, failed: tuple[Result, ...]) -> str:
    needed = len(verdict.required)
    if verdict.ruling is Ruling.NO_GO and not failed:
        return "Nothing required failed, but a waiver does not count."
    if verdict.ruling is Ruling.NO_GO:
        return f"{len(failed)} of {_checks(needed)} that must pass failed."
    if verdict.ruling is Ruling.GO:
        return _passed(needed, sum(name in verdict.waivers for name in verdict.required))
    if not needed:
        return "No check was required in this scope, so nothing is proven."
    passed_ids = {result.id for result in verdict.results if result.outcome is Outcome.PASSED} | set(verdict.waivers)
    unmeasured = sum(name not in passed_ids for name in verdict.required)
    if not unmeasured:
        return f"The run cannot be trusted, although {_checks(needed)} that must pass did."
    return f"Nothing required failed, but {unmeasured} of {_checks(needed)} that must pass gave no measurement."


def _checks(number: int) -> str:
    return f"{number} check{'' if number == 1 else 's'}"


def seconds(value: float) -> str:
    """Return a duration for people: "0.04 s", "12.3 s", "3 min 05 s"."""
    if value >= 60:
        minutes, rest = divmod(round(value), 60)
        return f"{minutes} min {rest:02} s"
    return f"{value:.2f} s" if value < 10 else f"{value:.1f} s"


def size(value: float) -> str:
    """Return bytes for people: "512 B", "1.5 kB", "2.0 MB" (powers of ten)."""
    for unit in ("B", "kB", "MB"):
        if value < 1000:
            return f"{value:.0f} B" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} GB"


def cost(footprint: Footprint) -> str:
    """Return what a check cost the environment: "12 requests, 3 connections, 1.5 kB sent, 20.1 kB received"."""
    counts = [(footprint.requests, "request"), (footprint.connections, "connection"), (footprint.writes, "write")]
    parts = [f"{number} {word}{'' if number == 1 else 's'}" for number, word in counts if number]
    parts += [f"{size(footprint.bytes_sent)} sent"] if footprint.bytes_sent else []
    parts += [f"{size(footprint.bytes_received)} received"] if footprint.bytes_received else []
    return ", ".join(parts) or "none"


def rows(value: Any) -> tuple[list[str], list[list[str]]] | None:
    """Return evidence as a table (its columns, its rows) where it is a list of records of the same plain fields."""
    if not isinstance(value, list) or not value or not all(isinstance(row, dict) and row for row in value):
        return None
    columns = list(value[0])
    if any(list(row) != columns or any(isinstance(cell, dict | list) for cell in row.values()) for row in value):
        return None
    return columns, [["" if cell is None else str(cell) for cell in row.values()] for row in value]
