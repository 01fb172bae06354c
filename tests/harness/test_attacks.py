"""The gate under attack from inside: a check, a conftest, a variable or a file that would have it say GO."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from seatrial import conclude, expected, gate
from seatrial.cli import main
from seatrial.environment import Environment
from seatrial.errors import HarnessError
from seatrial.outcome import Level, Outcome, Result, Severity
from seatrial.plugin import NO_VERDICT
from seatrial.profile import load
from seatrial.verdict import Ruling, Verdict
from tests.harness.bench import CLOSED, OPEN, RUN_LIMIT_S, Bench
from tests.results import result

TOUCH = "    observe.tcp.connect('127.0.0.1', observe.target('port'))\n"
EVADE = {
    "a skip mark": ("@pytest.mark.skip", "def", "assert False"),
    "a skipif mark": ("@pytest.mark.skipif(True, reason='x')", "def", "assert False"),
    "an xfail that is not run": ("@pytest.mark.xfail(run=False)", "def", "assert False"),
    "an xfail of this error": ("@pytest.mark.xfail(raises=AssertionError)", "def", "assert False"),
    "an xfail at run time": ("", "def", "request.applymarker(pytest.mark.xfail); assert False"),
    "unittest's skip": ("", "def", "import unittest; raise unittest.SkipTest('x')"),
    "a missing tool": ("", "def", "pytest.importorskip('nothing_like_this')"),
    "an exit": ("", "def", "raise SystemExit(0)"),
    "a coroutine": ("", "async def", "assert False"),
    "an answer": ("", "def", "return False"),
    "a not-run of its own": ("", "def", "from seatrial.session import NotRun; raise NotRun('not applicable: x')"),
}


def evading(number: int, decorator: str, word: str, statement: str) -> str:
    return (
        f"\n{decorator}\n@check('INF-EV-{number:02}', severity=BLOCKER, component='port')\n"
        f"{word} test_{number}(observe, request):\n    '''It evades.'''\n{TOUCH}    {statement}\n"
    )


def test_whatever_a_check_does_in_place_of_failing_is_no_pass(bench: Bench) -> None:
    bench.suite("".join(evading(number, *how) for number, how in enumerate(EVADE.values())))
    rows = [
        expected.Row(
            f"INF-EV-{number:02}", "infra/test_port.py", f"test_{number}", Severity.BLOCKER, Level.OBSERVE, alone=False
        )
        for number in range(len(EVADE))
    ]
    expected.write(bench.folder / "suites", rows)

    run = bench.pytest()

    assert run.code in {1, 2}, run.output
    assert [
        name for row, name in zip(rows, EVADE, strict=True) if run.outcome(row.id) not in {"FAILED", "INVALID"}
    ] == []


TURNED = """
import pytest
from _pytest.runner import runtestprotocol

@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport(item, call):
    call.excinfo = None
    return (yield)

def pytest_collection_modifyitems(items):
    items[:] = [item for item in items if "twin" not in item.name]

def pytest_runtest_protocol(item, nextitem):
    if "open" in item.name:
        runtestprotocol(item, nextitem=nextitem)
"""
TWIN = CLOSED.replace("TC-02", "TC-03").replace("test_closed", "test_twin")


def test_a_conftest_that_turns_outcomes_is_named_and_no_verdict_rests_on_it(bench: Bench) -> None:
    bench.suite(OPEN + CLOSED + TWIN)
    (bench.folder / "suites/infra/conftest.py").write_text(TURNED)

    run = bench.pytest("suites", "-n", "2")

    assert run.code == 2, run.output
    assert run.verdict
    hooks = "pytest_collection_modifyitems, pytest_runtest_makereport, pytest_runtest_protocol"
    said = f"suites/infra/conftest.py hooks into pytest ({hooks}): no outcome can be trusted"
    assert sorted(run.verdict["problems"]) == ["INF-TC-01 ended twice", said]
    assert run.verdict["missing"] == ["INF-TC-03"]


def test_a_conftest_in_a_folder_of_a_trusted_name_is_trusted_no_more(bench: Bench) -> None:
    bench.suite(OPEN + CLOSED)
    suites = (bench.folder / "suites").rename(bench.folder / "xdist")
    (suites / "infra/conftest.py").write_text(TURNED)

    run = bench.pytest("xdist")

    assert run.code == 2, run.output
    assert run.verdict
    assert "xdist/infra/conftest.py hooks into pytest" in " ".join(run.verdict["problems"])


def test_a_handle_of_somebody_else_is_refused(bench: Bench) -> None:
    bench.suite(CLOSED)
    (bench.folder / "suites/conftest.py").write_text(
        "import pytest\n@pytest.fixture\ndef observe(observe):\n"
        "    class Yes:\n        def connect(self, *_): return 'refused'\n"
        "    observe.evidence('x', 1); observe.tcp = Yes(); return observe\n"
    )

    run = bench.pytest()

    assert run.code == 4, run.output
    assert "the fixture observe is not the harness's own, but of suites" in run.output


def test_what_is_patched_in_the_process_is_held_against_what_pytest_says(bench: Bench) -> None:
    patch = "import seatrial.session; seatrial.session.Trial.note = lambda *_: None"
    bench.suite(OPEN + f"    {patch}\n" + CLOSED)

    run = bench.pytest()

    assert run.code == 2, run.output
    assert "INF-TC-02 was told as PASSED, and pytest says failed" in run.output


def test_an_exit_before_there_is_a_verdict_is_not_0(bench: Bench) -> None:
    bench.suite(CLOSED)
    (bench.folder / "suites/conftest.py").write_text(
        "import pytest\ndef pytest_collection_modifyitems():\n    pytest.exit('enough', returncode=0)\n"
    )

    run = bench.pytest()

    assert (run.code, run.verdict) == (2, None), run.output


@pytest.fixture
def environment(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Environment:
    """The bench's environment, in this process and in the bench's folder."""
    monkeypatch.setenv("PYTHONPATH", str(Path.cwd()))
    monkeypatch.chdir(bench.folder)
    return Environment(load(Path("here.toml")))


def stage(environment: Environment) -> gate.Stages:
    stages = gate.Stages(gate.AS_EVER, conclude.harness())
    gate._stage(environment, Path("suites"), ["suites"], [], "serial", stages)
    return stages


def test_a_check_that_ends_its_stage_leaves_no_results(bench: Bench, environment: Environment) -> None:
    bench.suite(OPEN + f"    import os; os._exit({NO_VERDICT})\n")

    stages = stage(environment)

    assert (stages.results, stages.problems) == ({}, ["stage serial left no results (pytest exit 7)"])


def test_the_callers_variables_change_nothing(
    bench: Bench, environment: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.suite(
        CLOSED.replace(
            "    require(", "    from suites.helper import demand\n    demand(seen == 'refused')\n    require(seen or "
        )
    )
    Path("suites/helper.py").write_text("def demand(value):\n    assert value\n")
    Path("turned.py").write_text(TURNED)
    for name, value in {
        "PYTEST_PLUGINS": "turned",
        "PYTEST_ADDOPTS": "-k nothing",
        "PYTHONOPTIMIZE": "1",
        "SEATRIAL_PROFILE": "elsewhere",
    }.items():
        monkeypatch.setenv(name, value)

    stages = stage(environment)

    assert [(name, result.outcome) for name, result in stages.results.items()] == [("INF-TC-02", Outcome.FAILED)]
    assert stages.problems == []


def other_harness(folder: Path) -> None:
    """Let another harness lie in a folder."""
    other = shutil.copytree(
        Path(conclude.__file__).parent, folder / "seatrial", ignore=shutil.ignore_patterns("__pycache__")
    )
    with (other / "cases.py").open("a") as file:
        file.write("# another\n")


def test_stages_that_another_harness_runs_are_a_problem(bench: Bench) -> None:
    bench.suite(OPEN)
    other_harness(bench.folder)

    run = bench.run("-P", "-m", "seatrial", "gate", "--profile", "here.toml", "--suites", "suites")

    assert (run.code, run.outcome("INF-TC-01")) == (2, "PASSED"), run.output
    assert f"was run by seatrial {conclude.harness_version()} " in run.output
    assert f", and this is {conclude.harness()}: " in run.output


def lines(*results: Result, end: str = '{"end": 0, "problems": [], "profile": "0"}\n') -> str:
    return "".join(json.dumps(each.to_json()) + "\n" for each in results) + end


PASSED, FAILED = result("A", Outcome.PASSED), result("A", Outcome.FAILED)
WHOLE = lines(PASSED)


@pytest.mark.parametrize(
    ("text", "code", "problem"),
    [
        (None, NO_VERDICT, "left no results"),
        (WHOLE, 0, "left no results"),
        (WHOLE, -9, "left no results"),
        (lines(PASSED, end=""), NO_VERDICT, "ended early"),
        (lines(PASSED, end='{"end": 2, "problems": []}'), NO_VERDICT, "pytest ended with 2"),
        (lines(PASSED, end='{"end": 0, "problems": ["worker gw0 ended early"]}'), NO_VERDICT, "worker gw0 ended early"),
        (WHOLE, NO_VERDICT, "read another profile"),
        (WHOLE, NO_VERDICT, "was run by seatrial None, and this is"),
        (lines(FAILED, PASSED), NO_VERDICT, "A ended twice"),
        ("", NO_VERDICT, "cannot be read"),
        ("\udcff", NO_VERDICT, "cannot be read"),
        (WHOLE[:-5], NO_VERDICT, "cannot be read"),
        (WHOLE[20:], NO_VERDICT, "cannot be read"),
        (WHOLE.replace("PASSED", "GREEN"), NO_VERDICT, "cannot be read"),
        (WHOLE.replace('"id"', '"di"'), NO_VERDICT, "cannot be read"),
        (WHOLE + WHOLE, NO_VERDICT, "cannot be read"),
        ("[]\n" + WHOLE, NO_VERDICT, "cannot be read"),
        (lines(PASSED, end="[]"), NO_VERDICT, "ended early"),
        (lines(PASSED, end='"end"'), NO_VERDICT, "cannot be read"),
    ],
)
def test_results_that_are_not_whole_are_a_problem(
    environment: Environment, monkeypatch: pytest.MonkeyPatch, text: str | None, code: int, problem: str
) -> None:
    def left(arguments: list[str], *_: object, **__: object) -> int:
        if text is not None:
            Path(arguments[arguments.index("--seatrial-results") + 1]).write_text(text, errors="surrogateescape")
        return code

    monkeypatch.setattr(gate, "run_pytest", left)
    try:
        problems = stage(environment).problems
    except HarnessError as error:
        problems = [str(error)]

    assert [each for each in problems if problem in each]


def test_a_check_that_two_stages_tell_of_counts_as_it_ended_first(
    environment: Environment, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    stages = gate.Stages(gate.AS_EVER, "", results={"A": FAILED})
    monkeypatch.setattr(gate, "read_results", lambda *_: ([PASSED], []))
    monkeypatch.setattr(gate, "run_pytest", lambda *_, **__: NO_VERDICT)

    gate._stage(environment, Path("suites"), [], [], "serial", stages)

    assert (stages.results["A"], stages.problems) == (FAILED, ["A ended twice, again in stage serial"])


def concluded(environment: Environment, row: expected.Row, began: conclude.Moment) -> Verdict:
    passed = replace(PASSED, id="INF-TC-01")
    return conclude.conclude(environment, [passed], expected.Scope("all", (row,)), [], began=began)


ROW = expected.Row("INF-TC-01", "infra/test_port.py", "test", Severity.BLOCKER, Level.OBSERVE, alone=False)


@pytest.mark.parametrize("change", [{"severity": Severity.MAJOR}, {"level": Level.EXERCISE}])
def test_a_check_that_is_not_what_was_reviewed_is_a_problem(environment: Environment, change: dict[str, Any]) -> None:
    now = conclude.Moment.now()

    assert concluded(environment, ROW, now).ruling is Ruling.GO
    changed = concluded(environment, replace(ROW, **change), now)

    assert changed.ruling is Ruling.INCONCLUSIVE
    assert "INF-TC-01 is blocker at observe, and " in "".join(changed.problems)


@pytest.mark.parametrize(
    ("moved_s", "ruling"), [(-3600, Ruling.INCONCLUSIVE), (3600, Ruling.INCONCLUSIVE), (1, Ruling.GO)]
)
def test_a_clock_that_is_moved_meanwhile_is_a_problem(environment: Environment, moved_s: int, ruling: Ruling) -> None:
    now = conclude.Moment.now()
    began = conclude.Moment(now.wall_s - 10 - moved_s, now.machine_s - 10)

    verdict = concluded(environment, ROW, began)

    assert verdict.ruling is ruling
    assert round(verdict.duration_s) == 10
    assert [each for each in verdict.problems if "the clock of this machine was moved by" in each] == list(
        verdict.problems
    )


def test_a_suite_that_is_gone_has_nobody_elses_checks_run_in_its_place(tmp_path: Path) -> None:
    scope = expected.select([ROW, replace(ROW, id="SEC-TC-02", file="security/test_port.py")], ["security"])

    assert gate._paths(tmp_path, scope, ["security"]) == [f"{tmp_path}/security/test_port.py::test"]


@pytest.mark.parametrize(
    "options",
    [("-k", "open"), ("-x",), ("--maxfail", "1"), ("--lf",), ("-p", "no:seatrial.plugin"), ("--", "-k", "open")],
)
def test_the_gate_takes_no_option_of_pytest(
    bench: Bench, environment: Environment, capsys: pytest.CaptureFixture[str], options: tuple[str, ...]
) -> None:
    bench.suite(OPEN)

    try:
        code: object = main(["gate", "--profile", "here.toml", *options])
    except SystemExit as refused:
        code = refused.code

    assert (code, capsys.readouterr().out) == (3, "")


def test_an_output_that_nobody_reads_is_no_verdict(bench: Bench) -> None:
    bench.suite(CLOSED)
    read_end, write_end = os.pipe()
    os.close(read_end)
    with os.fdopen(write_end, "w") as output:
        done = subprocess.run(
            [sys.executable, "-m", "seatrial", "gate", "--profile", "here.toml", "--suites", "suites"],
            cwd=bench.folder,
            stdout=output,
            stderr=subprocess.PIPE,
            text=True,
            timeout=RUN_LIMIT_S,
            check=False,
            env={**os.environ, "PYTHONPATH": str(Path.cwd())},
        )

    assert done.returncode == 2, done.stderr
    assert "the output was closed" in done.stderr
