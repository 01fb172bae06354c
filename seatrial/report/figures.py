"""What the last verdict measured in its drills, written into a page between two marks."""

from collections.abc import Iterable, Mapping
from typing import Any

from seatrial.drills import RTO
from seatrial.errors import UsageError
from seatrial.outcome import Outcome
from seatrial.plans import Planned
from seatrial.report.pages import cell

BEGIN, END = "<!-- figures: begin -->", "<!-- figures: end -->"


def with_figures(page: str, drills: Iterable[Planned], verdict: Mapping[str, Any]) -> str:
    """Return the page with a table of every drill in the place of what stands between the marks.

    Args:
        page: Markdown that holds both marks; UsageError without them.
        drills: all that there are; one without a result is shown as such.
        verdict: a verdict.json.
    """
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise UsageError(f"the page holds no {BEGIN} and {END}, between which the figures are written")
    results = {row["id"]: row for row in verdict["results"]}
    lines = [
        f"Environment {verdict['environment']}, release {verdict['release']}, {verdict['started_at']}.",
        "",
        "| drill | what is struck | outcome | reached after (budget) | acknowledged writes lost | took |",
        "|---|---|---|---|---|---|",
        *(_row(drill, results.get(drill.id)) for drill in drills),
    ]
    return "".join([before, begin, "\n", "\n".join(lines), "\n", end, after])


def _row(drill: Planned, result: Mapping[str, Any] | None) -> str:
    name = f"[{drill.id}](checks/{drill.id}.md)"
    if result is None or result["outcome"] == Outcome.NOT_RUN:
        return f"| {name} | {cell(drill.plan.strikes)} | not rehearsed | | | |"
    evidence = result["evidence"]
    stages = [_stage(row) for row in evidence.get(RTO, ())]
    audits = {key.removeprefix("RPO, "): value for key, value in evidence.items() if key.startswith("RPO")}
    counts = {name: f"{len(audit['lost'])} of {audit['acknowledged']}" for name, audit in audits.items()}
    named = (f"{count} ({cell(name)})" for name, count in counts.items())
    lost = "; ".join(named if len(counts) > 1 else counts.values())
    took = f"{result['duration_s']:.0f} s"
    cells = (cell(drill.plan.strikes), result["outcome"], cell(", ".join(stages)), lost, took)
    return f"| {name} | {' | '.join(cells)} |"


def _stage(row: Mapping[str, Any]) -> str:
    budget = "" if row["budget s"] is None else f" ({row['budget s']:g} s)"
    return f"{row['stage']} {row['s']:g} s{budget}"
