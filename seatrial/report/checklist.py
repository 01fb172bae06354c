"""A checklist of what must hold, each line answered by a check's result: for audits and sign-offs, never filled by hand."""

from collections.abc import Iterable, Mapping
from typing import Any

from seatrial.outcome import NOT_APPLICABLE, Outcome, Result
from seatrial.report._digest import seconds
from seatrial.report.pages import cell

_MADE = "<!-- Made from the last verdict by `seatrial checklist`; do not edit. -->"
LEGEND = (
    "*yes* is a measurement of that trial; *unknown* could not be measured and *not asked* did not run, and neither counts "
    "as a yes. *Proven* is how many of the faults that were tried made the check fail for the stated reason."
)
INAPPLICABLE = "not applicable"
ANSWER = {
    Outcome.PASSED: "yes",
    Outcome.FAILED: "**no**",
    Outcome.INVALID: "**unknown**",
    Outcome.NOT_RUN: "**not asked**",
}


def checklist(
    title: str,
    verdict: Mapping[str, Any],
    proofs: Iterable[Mapping[str, Any]],
    *,
    checks: str,
    report: str,
    note: str = "",
) -> str:
    """Return the checklist as Markdown.

    Args:
        verdict: verdict.json.
        proofs: prove.json: how each fault's trial ended.
        checks: where the checks' pages are, from the checklist's folder ("checks").
        report: where verdict.html is, from the checklist's folder; the evidence leads nowhere without it.
        note: what is to be said of the proofs beforehand.
    """
    results = [Result.from_json(row) for row in verdict["results"]]
    caught, tried = _proven(proofs)
    lines = [*head(title, verdict), "", LEGEND, *(["", note] if note else [])]
    for suite in sorted({result.suite for result in results}):
        rows = sorted((result for result in results if result.suite == suite), key=lambda result: result.id)
        lines += ["", f"## {suite}", "", "| holds | what must hold | check | severity | proven | evidence |"]
        lines += ["|---|---|---|---|---|---|"]
        for row in rows:
            holds = answer(row)
            seen = row.reason.removeprefix(NOT_APPLICABLE) or _first(row) or f"measured in {seconds(row.duration_s)}"
            proven = f"{caught[row.id]} of {tried[row.id]}" if row.id in tried else "not tried"
            evidence = f"[{cell(seen)}]({report}#{row.id})" if report else cell(seen)
            cells = (holds, cell(row.title), f"[{row.id}]({checks}/{row.id}.md)", str(row.severity), proven, evidence)
            lines.append(f"| {' | '.join(cells)} |")
    for name in verdict["missing"]:
        lines += ["", f"**{name}** is required and has no result."]
    return "\n".join(lines) + "\n"


def head(title: str, verdict: Mapping[str, Any]) -> list[str]:
    """Return the first lines of what a verdict answers: which trial it was."""
    trial = (
        f"Environment **{verdict['environment']}**, release `{verdict['release']}`, trial of {verdict['started_at']}, "
        f"verdict **{verdict['verdict']}** for scope *{verdict['scope']}* at level *{verdict['level']}*, "
        f"{verdict['signature']}."
    )
    return [_MADE, "", f"# {title}", "", trial]


def answer(result: Result) -> str:
    """Answer whether what a check says holds."""
    return INAPPLICABLE if result.reason.startswith(NOT_APPLICABLE) else ANSWER[result.outcome]


def _first(result: Result) -> str:
    return f"expected {result.findings[0].expected}, seen {result.findings[0].seen}" if result.findings else ""


def _proven(proofs: Iterable[Mapping[str, Any]]) -> tuple[dict[str, int], dict[str, int]]:
    caught: dict[str, int] = {}
    tried: dict[str, int] = {}
    for proof in proofs:
        for name in proof["seen"]:
            tried[name] = tried.get(name, 0) + 1
            caught[name] = caught.get(name, 0) + (proof["proof"] == "CAUGHT")
    return caught, tried
