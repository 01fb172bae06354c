"""The verdict on a terminal, in a log file, and in a CI job's output."""

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from seatrial import kept
from seatrial.kept import LOGS, OUT
from seatrial.outcome import Outcome, Result
from seatrial.report._digest import cost, digest, rows, seconds
from seatrial.report._files import printable
from seatrial.verdict import Ruling, Verdict

_RULING = {Ruling.GO: "bold green", Ruling.NO_GO: "bold red", Ruling.INCONCLUSIVE: "bold yellow"}
_OUTCOME: dict[str, str] = {
    Outcome.PASSED: "green",
    Outcome.FAILED: "bold red",
    Outcome.INVALID: "bold yellow",
    Outcome.NOT_RUN: "dim",
}
_REPORTS = ("verdict.html", "verdict.json", "verdict.intoto.json", "junit.xml", "allure/index.html")


def summary(verdict: Verdict, console: Console, out: Path | None = None, likely: Sequence[str] = ()) -> None:
    """Print the verdict: its line first and last, and between them what is not PASSED and why.

    Args:
        verdict: what to tell.
        console: colours only where it is a terminal and NO_COLOR is not set (rich's own rule).
        out: the folder of reports; those that are there are listed.
        likely: what may be the cause of what failed, a line each, the likeliest first.
    """
    facts = digest(verdict)
    _line(console, verdict.line, _RULING[verdict.ruling])
    _line(console, facts.sentence)
    for problem in verdict.problems:
        _line(console, f"problem: {problem}", "bold yellow")
    troubled = [result for result in verdict.results if result.outcome in (Outcome.FAILED, Outcome.INVALID)]
    order = [Outcome.FAILED, Outcome.INVALID]
    troubled.sort(key=lambda result: (order.index(result.outcome), result.id not in verdict.required, result.id))
    for result in troubled:
        _block(console, str(result.outcome), _title(result, verdict), _lines(result, verdict))
    for name in verdict.missing:
        _block(console, "MISSING", f"{name}  required, but there is no result", [])
    for gap in facts.gaps:
        ids = gap.required or gap.ids
        weight = f"{len(gap.required)} of {len(gap.ids)} required" if gap.required else f"{len(gap.ids)}, none required"
        _block(console, "NOT-RUN", gap.reason, [("checks", f"{weight}: {', '.join(ids)}")])
    if likely:
        _block(console, "LIKELY", "causes, by the faults under which the same checks said the like", [])
        for line in likely:
            _line(console, f"    {line}")
    for result in verdict.results:
        if result.id in verdict.scope.split():
            _tables(console, result)
    counts = [f"{number} {outcome}" for outcome, number in facts.counts.items() if number]
    counts += [f"{len(verdict.missing)} MISSING"] if verdict.missing else []
    _pairs(console, {"checks": ", ".join(counts) or "none", "took": _took(verdict), **_paths(out)})
    _line(console, verdict.signature)
    _line(console, verdict.line, _RULING[verdict.ruling])


def _tables(console: Console, result: Result) -> None:
    """Print the tables among a check's evidence; only who asked for this check by name wants to see them."""
    for name, value in result.evidence.items():
        if table := rows(value):
            _line(console, f"{result.id}  {printable(name)}", "bold")
            grid = Table(*table[0], box=None, pad_edge=False)
            for row in table[1]:
                grid.add_row(*(Text(printable(cell)) for cell in row))
            console.print(grid)


def progress(result: Result) -> str:
    """Return the line that tells of a check as it ends: outcome, id, time, and its footprint on the environment."""
    spent = "" if result.outcome is Outcome.NOT_RUN else f"{result.duration_s:6.1f} s  {cost(result.footprint)}"
    return f"{result.outcome!s:8} {result.id:12} {spent or result.reason}".rstrip()


def _title(result: Result, verdict: Verdict) -> str:
    weight = f"{result.severity}{'' if result.id in verdict.required else ', not required'}, {result.component}"
    marks = f" {' '.join(result.marks)}" if result.marks else ""
    return f"{result.id}{marks}  {result.title}  ({weight})"


def _lines(result: Result, verdict: Verdict) -> list[tuple[str, str]]:
    lines = [("reason", result.reason)] if result.reason else []
    for finding in result.findings:
        lines += [("case", finding.case)] if finding.case else []
        lines += [("expected", finding.expected), ("seen", finding.seen), ("where", finding.where)]
    if waiver := verdict.waivers.get(result.id):
        lines.append(("waived", f"by {waiver['owner']} until {waiver['expires']}: {waiver['reason']}"))
    lines += [(name, str(OUT / file)) for name, file in kept.named(result.evidence) if name == LOGS]
    lines += [("repeat", result.repeat)] if result.repeat else []
    lines += [("runbook", result.runbook)] if result.runbook else []
    return lines


def _block(console: Console, outcome: str, title: str, lines: list[tuple[str, str]]) -> None:
    heading = Text(outcome, _OUTCOME.get(outcome, "bold yellow")).append(f"  {printable(title)}", "bold")
    console.print(heading, soft_wrap=True)
    for label, value in lines:
        _line(console, f"    {label:<9} {printable(_short(value))}")


def _short(value: str, limit: int = 600) -> str:
    return value if len(value) <= limit else f"{value[:limit]}… ({len(value)} characters, all of them in verdict.json)"


def _took(verdict: Verdict) -> str:
    stages = ", ".join(f"{name} {seconds(value)}" for name, value in verdict.timings.items())
    return seconds(verdict.duration_s) + (f" ({stages})" if stages else "")


def _paths(out: Path | None) -> dict[str, str]:
    there = [str(out / name) for name in _REPORTS if (out / name).is_file()] if out else []
    return {"reports": "\n".join(there)} if there else {}


def _pairs(console: Console, values: dict[str, str]) -> None:
    width = max(map(len, values))
    for name, value in values.items():
        for number, line in enumerate(printable(value).splitlines()):
            _line(console, f"{'' if number else name:<{width}}  {line}")


def _line(console: Console, text: str, style: str = "") -> None:
    # soft_wrap keeps a line whole: the first and the last are read by programs and by people with grep.
    console.print(Text(printable(text), style), soft_wrap=True)
