"""Prove and its record, on a platform with one port."""

import json
import re

import pytest

from tests.harness.bench import CLOSED, OPEN
from tests.harness.tiny import FAULT, Tiny
from tests.waiting import wait_for


def test_a_fault_is_caught_confirmed_and_healed(tiny: Tiny) -> None:
    assert tiny.seatrial("up").code == 0

    run = tiny.seatrial("prove", "--faults", "faults", "--suites", "suites")

    assert run.code == 0, run.output
    healthy, _, caught = run.output.partition("CAUGHT   port-stopped")
    assert re.search(r"PASSED +\S+ +\d+\.\d s", healthy), "the check on the healthy environment, as it ends"
    assert caught
    assert tiny.is_open()


@pytest.mark.parametrize(
    ("change", "proof", "reason"),
    [
        pytest.param(
            ('destroy.platform.stop("port")', "pass"), "INVALID", "not in effect within", marks=pytest.mark.slow
        ),
        (('"closed"', '"something else"'), "MISSED", "for another reason"),
        (('"closed"', '("INVALID", "closed")'), "MISSED", "was FAILED, not INVALID"),
        (('destroy.platform.stop("port")', "1 / 0"), "INVALID", "ZeroDivisionError"),
        (('.state == "stopped"', '.nothing == "stopped"'), "INVALID", "nothing"),
        pytest.param(
            ('.state == "stopped"', '.state != "unknown"'), "INVALID", "still in effect", marks=pytest.mark.slow
        ),
    ],
)
def test_a_fault_that_proves_nothing_is_never_caught(
    tiny: Tiny, change: tuple[str, str], proof: str, reason: str
) -> None:
    tiny.fault(FAULT.replace(*change))
    tiny.seatrial("up")

    run = tiny.seatrial("prove", "--faults", "faults", "--suites", "suites")

    assert run.code == 1, run.output
    assert f"{proof:8} port-stopped" in run.output
    assert reason in run.output
    assert tiny.is_open()


@pytest.mark.slow
def test_what_an_uncaught_fault_leaves_is_not_taken_for_the_next_ones_doing(tiny: Tiny) -> None:
    tiny.suite(OPEN + '    require(not __import__("os").path.exists("mark"), "open", "a mark")\n')
    leaves = FAULT.replace("port-stopped", "a-mark").replace(
        'destroy.platform.stop("port")', 'open("mark", "w").close()'
    )
    tiny.fault(leaves.replace('.state == "stopped"', '.state == "never"'), "infra/a_mark.py")

    run = tiny.seatrial("prove", "--faults", "faults", "--suites", "suites")

    assert run.code == 2, run.output
    assert "INVALID  a-mark" in run.output
    assert "not healthy after a-mark; --resume goes on:\n  INF-TC-01 FAILED" in run.output
    assert "CAUGHT" not in run.output


def test_a_matrix_without_checks_to_ask_beside_runs_nothing_else(tiny: Tiny) -> None:
    tiny.suite(OPEN.replace("(observe)", "(exercise)").replace("observe.", "exercise."))
    (tiny.folder / "test_stray.py").write_text("from pathlib import Path\n\ndef test(): Path('strayed').touch()\n")

    run = tiny.seatrial("prove", "--faults", "faults", "--suites", "suites", "--matrix")

    assert (run.code, (tiny.folder / "strayed").exists()) == (0, False), run.output


def test_without_checks_to_ask_beside_a_fault_is_confirmed_once(tiny: Tiny) -> None:
    tiny.fault(FAULT.replace('"stopped"', '"stopped" and bool(open("confirmed", "a").write("in effect\\n"))'))

    run = tiny.seatrial("prove", "--faults", "faults", "--suites", "suites")

    assert (run.code, (tiny.folder / "confirmed").read_text()) == (0, "in effect\n"), run.output


def test_no_variable_changes_which_checks_are_asked(tiny: Tiny) -> None:
    tiny.seatrial("up")
    command = ("-m", "seatrial", "prove", "--profile", "here.toml", "--faults", "faults", "--suites", "suites")

    run = tiny.run(*command, env={"PYTEST_ADDOPTS": "-k nothing", "PYTEST_PLUGINS": "no_such_plugin"})

    assert run.code == 0, run.output
    assert "1 of 1 faults caught" in run.output


HOOK = "def pytest_runtest_logreport(report): pass\n"


@pytest.mark.parametrize(
    ("file", "text", "words"),
    [
        (
            "suites/infra/test_port.py",
            "import nothing_like_this\n",
            "test_port.py cannot be collected: E   ModuleNotFoundError",
        ),
        ("suites/infra/conftest.py", HOOK, "suites/infra/conftest.py hooks into pytest"),
        (
            "suites/expected.toml",
            '"INF-TC-01" = {file = "infra/none.py", test = "t", severity = "blocker", level = "observe"}',
            "not found",
        ),
    ],
)
def test_suites_that_let_nothing_be_concluded_are_refused_before_the_strike(
    tiny: Tiny, file: str, text: str, words: str
) -> None:
    tiny.seatrial("up")
    (tiny.folder / file).write_text(text)

    run = tiny.seatrial("prove", "--faults", "faults", "--suites", "suites")

    assert run.code == 3, run.output
    assert words in run.output
    assert "interrupted" not in run.output


HOOKS = (
    "__import__('sys').modules['suites.infra.conftest'].__dict__.update(pytest_runtest_logreport=lambda report: None)"
)


@pytest.mark.parametrize(
    "change",
    [
        ('destroy.platform.stop("port")', f'{HOOKS}; destroy.platform.stop("port")'),
        ('.state == "stopped"', f'.state == "stopped" or bool({HOOKS})'),
    ],
    ids=["while it is struck", "once it is undone"],
)
def test_a_problem_of_the_run_makes_a_trial_invalid(tiny: Tiny, change: tuple[str, str]) -> None:
    (tiny.folder / "suites/infra/conftest.py").write_text("")
    tiny.fault(FAULT.replace(*change))
    tiny.seatrial("up")

    run = tiny.seatrial("prove", "--faults", "faults", "--suites", "suites")

    assert run.code == 1, run.output
    assert "INVALID  port-stopped" in run.output
    assert "suites/infra/conftest.py hooks into pytest" in run.output
    assert tiny.is_open()


@pytest.mark.parametrize("option", ["--times", "--sample"])
def test_nothing_proven_is_no_proof(tiny: Tiny, option: str) -> None:
    run = tiny.seatrial("prove", "--faults", "faults", "--suites", "suites", option, "0")

    assert run.code == 3, run.output
    assert "0 is not at least 1" in run.output


ONCE = """
@check("INF-TC-05", severity=BLOCKER, component="port")
def test_once(observe):
    '''It stays red once it was.'''
    import pathlib
    mark = pathlib.Path("mark")
    if observe.tcp.connect("127.0.0.1", observe.target("port")) != "open": mark.touch()
    require(not mark.exists(), "no mark", "a mark")
"""


def renamed(number: str, change: tuple[str, str] = ("", "")) -> str:
    """Return the bench's check under another id, with a text changed."""
    return OPEN.replace("INF-TC-01", f"INF-TC-{number}").replace("test_open", f"test_open_{number}").replace(*change)


@pytest.mark.slow
def test_a_killed_matrix_is_kept_and_resumed_where_it_stopped(tiny: Tiny) -> None:
    """One run for all that it must hold, for each start of the harness takes a second and a half."""
    idle, alone = (
        renamed("03", ('== "open"', '!= ""')),
        renamed("04", ('component="port"', 'component="port", alone=True')),
    )
    tiny.suite(OPEN + renamed("02") + idle + alone + ONCE)
    stuck = (
        FAULT.replace("port-stopped", "stuck")
        .replace('"stopped"', '"never"')
        .replace('"process",', '"process", takes_s=60,')
    )
    tiny.fault(stuck, "infra/stuck.py")
    tiny.seatrial("up")

    process = tiny.start("prove", "--faults", "faults", "--suites", "suites", "--matrix")
    wait_for((tiny.folder / "reports/out/prove.json").exists, within_s=90, what="the first trial")
    process.kill()
    process.wait()
    tiny.seatrial("heal")
    (tiny.folder / "mark").unlink()
    again = tiny.seatrial("prove", "--faults", "faults", "--suites", "suites", "--fault", "port-stopped", "--resume")

    assert again.code == 0, again.output
    assert "1 trials are kept" in again.output
    assert "1 of 1 faults caught" in again.output
    record = json.loads((tiny.folder / "reports/out/prove.json").read_text())
    assert record["beside"].keys() == {"INF-TC-01", "INF-TC-02", "INF-TC-03", "INF-TC-05"}
    assert record["unasked"] == {"INF-TC-04": "it writes, or wants the environment for itself"}
    (trial,) = record["trials"]
    assert (trial["proof"], trial["seen"], trial["struck"]) == ("CAUGHT", {"INF-TC-01": "FAILED"}, ["port"])
    assert trial["beside"] == {"INF-TC-02": "FAILED", "INF-TC-03": "PASSED", "INF-TC-05": "INVALID"}
    assert "closed" in trial["said"]["INF-TC-02"]
    assert "INF-TC-02 FAILED, turned red beside" in (tiny.folder / "reports/out/prove.html").read_text()


def test_a_check_that_cannot_see_the_fault_is_missed(tiny: Tiny) -> None:
    tiny.suite(OPEN.replace('== "open"', '!= ""'))
    tiny.seatrial("up")

    run = tiny.seatrial("prove", "--faults", "faults", "--suites", "suites")

    assert run.code == 1, run.output
    assert "INF-TC-01 was PASSED, not FAILED" in run.output


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (FAULT.replace('"process"', '"magic"'), "unknown kind 'magic'"),
        (FAULT.replace('{"INF-TC-01": "closed"}', "{}"), "names no check"),
        (FAULT.replace("'''The port's process is stopped.'''", "pass"), "no docstring"),
        (FAULT.replace("INF-TC-01", "INF-TC-77"), "not in expected.toml"),
        ("import nothing_like_this", "ModuleNotFoundError"),
    ],
)
def test_a_fault_file_that_is_wrong_is_refused_with_its_reason(tiny: Tiny, text: str, message: str) -> None:
    tiny.fault(text)
    tiny.seatrial("up")

    run = tiny.seatrial("prove", "--faults", "faults", "--suites", "suites")

    assert run.code in {2, 3}, run.output
    assert message in run.output


@pytest.mark.slow
def test_a_fault_of_a_check_that_is_not_applicable_is_named_and_left_out(tiny: Tiny) -> None:
    profile = tiny.folder / "here.toml"
    profile.write_text(profile.read_text() + '[expect.not_applicable]\n"INF-TC-09" = "there is no such thing here"\n')
    tiny.fault(FAULT.replace("INF-TC-01", "INF-TC-09").replace("port-stopped", "elsewhere"), "infra/elsewhere.py")
    tiny.seatrial("up")

    run = tiny.seatrial("prove", "--faults", "faults", "--suites", "suites", "--suite", "infra")
    alone = tiny.seatrial("prove", "--faults", "faults", "--suites", "suites", "--fault", "elsewhere")

    assert run.code == 0, run.output
    assert "not applicable: INF-TC-09: there is no such thing here" in run.output
    assert "1 of 1 faults caught, confirmed in effect and healed, 1 not applicable to here" in run.output
    assert alone.code == 3, alone.output
    assert "no fault to prove" in alone.output


def test_a_check_of_a_fault_that_is_not_applicable_is_not_asked_of(tiny: Tiny) -> None:
    profile = tiny.folder / "here.toml"
    profile.write_text(profile.read_text() + '[expect.not_applicable]\n"INF-TC-02" = "nothing is closed here"\n')
    tiny.suite(OPEN + CLOSED)
    tiny.fault(FAULT.replace('"INF-TC-01": "closed"', '"INF-TC-01": "closed", "INF-TC-02": "open"'))
    tiny.seatrial("up")

    run = tiny.seatrial("prove", "--faults", "faults", "--suites", "suites")

    assert run.code == 0, run.output
    assert "1 of 1 faults caught, confirmed in effect and healed" in run.output


def test_prove_refuses_a_suite_without_faults(tiny: Tiny) -> None:
    run = tiny.seatrial("prove", "--faults", "faults", "--suites", "suites", "--suite", "infar")

    assert run.code == 3, run.output
    assert "no faults of a suite named 'infar'" in run.output


def test_prove_refuses_an_environment_that_is_ill_already(tiny: Tiny) -> None:
    tiny.seatrial("up")
    tiny.suite(OPEN.replace('== "open"', '== "shut"'))

    run = tiny.seatrial("prove", "--faults", "faults", "--suites", "suites")

    assert run.code == 2, run.output
    assert "not healthy before the first strike" in run.output


def test_prove_needs_arming_where_the_environment_is_not_disposable(tiny: Tiny) -> None:
    text = (tiny.folder / "here.toml").read_text()
    (tiny.folder / "here.toml").write_text(text.replace("disposable = true", ""))
    tiny.seatrial("up")

    run = tiny.seatrial("prove", "--faults", "faults", "--suites", "suites")

    assert run.code == 3, run.output
    assert "needs --arm destroy=here" in run.output
