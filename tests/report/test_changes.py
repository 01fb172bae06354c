"""What is said to have changed since the last verdict."""

from dataclasses import replace
from typing import Any

from seatrial.outcome import Finding, Outcome, Severity
from seatrial.report import Change, compare


def test_outcomes_that_differ_appear_or_vanish_are_named_heaviest_first(make: Any, make_result: Any) -> None:
    before = make(make_result("INF-PG-01"), make_result("INF-PG-02"), make_result("INF-PG-03"))
    now = make(
        make_result("INF-PG-01"),
        make_result("INF-PG-02", Outcome.FAILED, severity=Severity.MINOR, findings=(Finding("a", "b", "c"),)),
        make_result("INF-PG-04"),
    )
    changes = compare(now, before.to_json())
    assert changes.checks == (
        Change("INF-PG-03", "PASSED", "", "blocker"),
        Change("INF-PG-04", "", "PASSED", "blocker"),
        Change("INF-PG-02", "PASSED", "FAILED", "minor"),
    )
    assert [change.kind for change in changes.checks] == ["vanished", "appeared", "changed"]
    assert (changes.verdict, changes.note) == ("GO", "")


def test_an_equal_verdict_has_no_changes(no_go: Any) -> None:
    assert compare(no_go, no_go.to_json()).checks == ()


def test_another_scope_is_compared_only_where_both_measured(make: Any, make_result: Any) -> None:
    before = replace(make(make_result("INF-PG-01"), make_result("INF-PG-02")), scope="infra")
    changes = compare(make(make_result("INF-PG-01", Outcome.INVALID, reason="gone")), before.to_json())
    assert [change.id for change in changes.checks] == ["INF-PG-01"]
    assert "scope infra" in changes.note
