"""Figures of drills stand between their marks, and what was not rehearsed says so."""

from typing import Any

import pytest

from seatrial.errors import UsageError
from seatrial.outcome import Level
from seatrial.plans import Planned
from seatrial.registry import Plan
from seatrial.report.figures import BEGIN, END, with_figures

PLAN = Plan("a | b is struck", "nobody", "nothing", 1)
DRILLS = [Planned(name, "title", Level.DISRUPT, PLAN) for name in ("DR-TC-01", "DR-TC-02", "DR-TC-03")]
PASSED: dict[str, Any] = {
    "id": "DR-TC-01",
    "outcome": "PASSED",
    "duration_s": 12.4,
    "evidence": {
        "RTO": [{"stage": "open", "s": 1.5, "budget s": 5.0}, {"stage": "whole", "s": 2.25, "budget s": None}],
        "RPO, audit of writes": {"acknowledged": 7, "lost": ["one"]},
    },
}
NOT_RUN = {"id": "DR-TC-02", "outcome": "NOT-RUN", "duration_s": 0.0, "evidence": {}}
VERDICT = {
    "environment": "here",
    "release": "r1",
    "started_at": "2026-11-01T10:00:00+00:00",
    "results": [PASSED, NOT_RUN],
}


def test_each_drill_has_its_row_and_the_rest_of_the_page_stays() -> None:
    page = with_figures(f"before\n{BEGIN}\nold\n{END}\nafter\n", DRILLS, VERDICT)

    assert page.startswith(f"before\n{BEGIN}\nEnvironment here, release r1")
    assert page.endswith(f"{END}\nafter\n")
    assert "old" not in page
    rows = [line for line in page.splitlines() if line.startswith("| [")]
    assert rows == [
        "| [DR-TC-01](checks/DR-TC-01.md) | a \\| b is struck | PASSED | open 1.5 s (5 s), whole 2.25 s | 1 of 7 | 12 s |",
        "| [DR-TC-02](checks/DR-TC-02.md) | a \\| b is struck | not rehearsed | | | |",
        "| [DR-TC-03](checks/DR-TC-03.md) | a \\| b is struck | not rehearsed | | | |",
    ]
    assert with_figures(page, DRILLS, VERDICT) == page


def test_several_audits_of_one_drill_are_told_apart() -> None:
    evidence = {**PASSED["evidence"], "RPO, audit after | the last": {"acknowledged": 2, "lost": []}}

    page = with_figures(f"{BEGIN}{END}", DRILLS[:1], {**VERDICT, "results": [{**PASSED, "evidence": evidence}]})

    assert "| 1 of 7 (audit of writes); 0 of 2 (audit after \\| the last) |" in page


@pytest.mark.parametrize("page", ["", f"{BEGIN} without an end", f"{END}"])
def test_a_page_without_the_marks_is_refused(page: str) -> None:
    with pytest.raises(UsageError, match="holds no"):
        with_figures(page, DRILLS, VERDICT)
