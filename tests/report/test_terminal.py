"""What `seatrial gate` prints."""

import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from seatrial.outcome import Finding, Outcome
from seatrial.report import summary, write
from seatrial.verdict import Verdict


def told(verdict: Verdict, out: Path | None = None, *, width: int = 100, terminal: bool = False) -> str:
    stream = io.StringIO()
    summary(
        verdict,
        Console(file=stream, width=width, force_terminal=terminal, color_system="standard" if terminal else "auto"),
        out,
    )
    return stream.getvalue()


def test_first_and_last_line_are_the_verdict(no_go: Verdict) -> None:
    lines = told(no_go).splitlines()
    assert lines[0] == lines[-1] == "NO-GO  environment local  release 3f2a91c07b1d  scope all"


def test_the_verdict_line_is_whole_however_narrow_the_terminal(no_go: Verdict) -> None:
    lines = told(replace(no_go, scope="x" * 200), width=40).splitlines()
    assert lines[0] == lines[-1]
    assert lines[0].endswith("x" * 200)


def test_what_is_not_passed_is_told_with_reasons(no_go: Verdict) -> None:
    text = told(no_go)
    for part in (
        "maxmemory-policy noeviction", "allkeys-lru", "pytest suites/infra/test_redis.py::test_inf-rd-03",
        "docs/runbooks/infra.md#inf-rd-03", "zero samples", "not armed: --arm destroy=local", "no GPU here",
        "DEP-HEA-01", "by Ada until 2026-12-24", "FLAKY", "problem: filtered by -k",
        "1 PASSED, 3 FAILED, 1 INVALID, 2 NOT-RUN, 1 MISSING", "1 min 11 s", "cold start 11.5 s",
    ):  # fmt: skip
        assert part in text
    assert "INF-PG-01" not in text


def test_required_failures_come_first(no_go: Verdict) -> None:
    text = told(no_go)
    assert text.index("INF-RD-03") < text.index("MON-LOG-02") < text.index("SEC-TLS-03") < text.index("DR-PG-01")


def test_a_go_is_short(go: Verdict) -> None:
    assert told(go).splitlines() == [
        go.line,
        "1 check had to pass, and it did.",
        "checks  1 PASSED",
        "took    1 min 11 s (cold start 11.5 s, observe and exercise 52.0 s, serial 7.75 s)",
        "not signed",
        go.line,
    ]


def test_colours_are_for_terminals_only(no_go: Verdict, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert "\x1b[" not in told(no_go)
    assert "\x1b[1;31m" in told(no_go, terminal=True)


def test_no_color_is_obeyed(no_go: Verdict, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    text = told(no_go, terminal=True)
    assert "\x1b[31m" not in text
    assert "1;31m" not in text


def test_markup_and_control_characters_are_text(make: Any, make_result: Any) -> None:
    evil = "[red]x[/red] [/] \x1b]0;owned\x07 \r gone"
    bad = make_result("INF-PG-01", Outcome.FAILED, title=evil, findings=(Finding(evil, evil, evil, evil),))
    text = told(make(bad, problems=(evil,)))
    assert "[red]x[/red] [/]" in text
    assert "\x1b" not in text
    assert "\x07" not in text


def test_a_reason_shared_by_many_is_one_row(make: Any, make_result: Any) -> None:
    results = [make_result(f"DR-PG-{n:02}", Outcome.NOT_RUN, reason="not granted: destroy") for n in range(20)]
    text = told(make(*results))
    assert text.count("not granted: destroy") == 1
    assert "DR-PG-19" in text


def test_a_long_value_is_cut_and_says_where_the_rest_is(make: Any, make_result: Any) -> None:
    bad = make_result("INF-PG-01", Outcome.FAILED, findings=(Finding("short", "y" * 5000, "api-1"),))
    text = told(make(bad))
    assert text.count("y") < 700
    assert "(5000 characters, all of them in verdict.json)" in " ".join(text.split())


def test_reports_that_are_there_are_listed(go: Verdict, tmp_path: Path) -> None:
    write(go, tmp_path)
    text = told(go, tmp_path)
    assert str(tmp_path / "verdict.html") in text
    assert "allure/index.html" not in text


EDGES = [{"door": "edge-1", "last 200": "-0.024", "n": 62}, {"door": "edge-2", "last 200": None, "n": 61}]


def test_a_table_is_printed_for_who_asked_for_the_check_by_name(go: Verdict) -> None:
    (only,) = go.results
    kept = replace(go, results=(replace(only, evidence={"edges": EDGES}),))
    assert "edges" not in told(kept)
    lines = told(replace(kept, scope=f"DEP-HLT-01 {only.id}")).splitlines()
    shown = lines[lines.index(f"{only.id}  edges") + 1 :]
    assert [line.split() for line in shown[:3]] == [
        ["door", "last", "200", "n"],
        ["edge-1", "-0.024", "62"],
        ["edge-2", "61"],
    ]
