"""verdict.html: one page for the person who decides, with nothing to load and nothing to run."""

from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from seatrial.outcome import Outcome, Result
from seatrial.report._changes import Changes
from seatrial.report._chart import chart
from seatrial.report._digest import cost, digest, rows, seconds
from seatrial.report._files import json_text, printable
from seatrial.report._timeline import timeline
from seatrial.verdict import Ruling, Verdict

if TYPE_CHECKING:
    from jinja2 import Template

_WIDTH = 1000
_MEANING = {
    Ruling.GO: "This release may go on.",
    Ruling.NO_GO: "This release must not go on.",
    Ruling.INCONCLUSIVE: "Nobody can say yet whether this release may go on; that counts as a no.",
}


def page(verdict: Verdict, changes: Changes | None) -> str:
    """Return the page; every value is escaped, and its content policy allows no script at all."""
    required = set(verdict.required)
    return printable(
        _template().render(
            verdict=verdict,
            meaning=_MEANING[verdict.ruling],
            digest=digest(verdict),
            changes=changes,
            required=required,
            stages=_stages(verdict.timings),
            suites=_suites(verdict.results),
        )
    )


@cache
def _template() -> "Template":
    # A fifth of what each process of a trial takes to start, and one of them writes a page.
    from jinja2 import Environment, FileSystemLoader, StrictUndefined  # noqa: PLC0415

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "seconds": seconds,
        "evidence": json_text,
        "rows": rows,
        "chart": chart,
        "timeline": timeline,
        "footprint": cost,
        "css": _css,
        "moment": _moment,
    }
    return environment.get_template("page.html.j2")


def _css(outcome: Outcome | Ruling | str) -> str:
    return str(outcome).lower()


def _moment(text: str) -> str:
    return text.replace("T", " ").replace("+00:00", " UTC")


def _stages(timings: dict[str, float]) -> list[tuple[str, float, float, float]]:
    """Return (name, seconds, left, width) of each stage, on a bar `_WIDTH` units long."""
    total = sum(timings.values()) or 1.0
    stages, left = [], 0.0
    for name, value in timings.items():
        width = value / total * _WIDTH
        stages.append((name, value, round(left, 1), round(width, 1)))
        left += width
    return stages


def _suites(results: Iterable[Result]) -> dict[str, list[Result]]:
    suites: dict[str, list[Result]] = {}
    for result in sorted(results, key=lambda result: (result.suite, result.id)):
        suites.setdefault(result.suite, []).append(result)
    return suites
