"""Drills that may not be struck are answered for by checks that strike nothing, in raw pytest and there alone."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.bench import OPEN
from tests.harness.test_drills import DRILL
from tests.harness.tiny import Tiny

PLAN = '"starts it", 5)'
ANSWERED = DRILL.replace(PLAN, PLAN.replace(")", ', answered_by=("INF-TC-01",))'))


@pytest.fixture
def tiny(tmp_path: Path) -> Iterator[Tiny]:
    bench = Tiny(tmp_path)
    bench.suite(ANSWERED, "dr/test_port.py")
    assert bench.seatrial("up").code == 0
    yield bench
    bench.end()


def told(output: str) -> str:
    """The output without the breaks and lines of tables."""
    return " ".join(output.split())


def test_a_drill_that_is_not_armed_is_answered_for(tiny: Tiny) -> None:
    run = tiny.pytest("suites/dr")

    assert run.code == 0, run.output
    assert run.outcome("DR-TC-01") == "NOT-RUN"
    assert run.outcome("INF-TC-01") == "PASSED"
    assert run.verdict is not None
    assert run.verdict["scope"] == "suites/dr, answered without a strike"
    assert run.verdict["required"] == ["INF-TC-01"]
    assert "not armed: needs --arm disrupt=here; answered without a strike by INF-TC-01" in told(run.output)
    assert "answered without a strike: INF-TC-01 PASSED" in told(run.output)
    assert tiny.is_open()


def test_a_wrong_answer_is_a_no_go(tiny: Tiny) -> None:
    tiny.suite(OPEN.replace('== "open"', '== "shut"'))

    run = tiny.pytest("suites/dr")

    assert run.code == 1, run.output
    assert "answered without a strike: INF-TC-01 FAILED" in told(run.output)


def test_what_is_not_granted_cannot_answer_and_says_so(tiny: Tiny) -> None:
    tiny.suite(OPEN.replace("observe", "exercise"))
    profile = tiny.folder / "here.toml"
    profile.write_text(profile.read_text().replace('max_impact = "destroy"', 'max_impact = "observe"'))

    run = tiny.pytest("suites/dr")

    reason = "not granted: profile here grants up to observe"
    assert run.code == 2, run.output
    assert f"not possible: {reason} INF-TC-01 NOT-RUN: {reason}" in told(run.output)


def test_a_drill_without_an_answer_says_so(tiny: Tiny) -> None:
    tiny.suite(DRILL, "dr/test_port.py")

    run = tiny.pytest("suites/dr")

    assert run.code == 2, run.output
    assert run.outcome("INF-TC-01") == "MISSING"
    assert "not possible: not armed: needs --arm disrupt=here" in told(run.output)


def test_an_armed_drill_answers_for_itself(tiny: Tiny) -> None:
    run = tiny.pytest("suites/dr", "--arm", "disrupt=here")

    assert run.code == 0, run.output
    assert run.outcome("INF-TC-01") == "MISSING"
    assert run.verdict is not None
    assert run.verdict["scope"] == "suites/dr"
    assert "answered without" not in told(run.output)


def test_an_answer_that_is_in_the_run_anyway_counts_once(tiny: Tiny) -> None:
    run = tiny.pytest("suites")

    assert run.code == 0, run.output
    assert run.verdict is not None
    assert run.verdict["scope"] == "all"
    assert [result["id"] for result in run.verdict["results"]] == ["DR-TC-01", "INF-TC-01"]
    assert "answered without a strike: INF-TC-01 PASSED" in told(run.output)


@pytest.mark.parametrize("arguments", [("gate", "--suites", "suites", "dr"), ("drill", "--suites", "suites")])
def test_a_gate_keeps_to_its_scope(tiny: Tiny, arguments: tuple[str, ...]) -> None:
    run = tiny.seatrial(*arguments)

    assert run.code == 2, run.output
    assert run.outcome("DR-TC-01") == "NOT-RUN"
    assert run.outcome("INF-TC-01") == "MISSING"


def test_an_answer_that_does_not_exist_is_refused(tiny: Tiny) -> None:
    tiny.suite(ANSWERED.replace("INF-TC-01", "INF-TC-77"), "dr/test_port.py")

    run = tiny.pytest("suites/dr")

    assert run.code == 4, run.output
    assert "DR-TC-01 is answered by INF-TC-77, which is not in expected.toml" in run.output


def test_an_answer_whose_file_cannot_be_imported_is_no_verdict(tiny: Tiny) -> None:
    tiny.suite("import nothing_like_this\n" + OPEN)

    run = tiny.pytest("suites/dr")

    assert run.verdict is None
    assert run.code == 2, run.output
    assert "nothing_like_this" in run.output


def test_a_dry_run_names_the_answers(tiny: Tiny) -> None:
    run = tiny.seatrial("drill", "--dry-run", "--suites", "suites")

    assert "instead  seatrial gate INF-TC-01 --profile here.toml: " in run.output
