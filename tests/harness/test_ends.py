"""How a trial ends when something around it goes wrong: what is still struck, who was interrupted, what was edited meanwhile."""

import json
import signal
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.harness import journal
from tests.harness.bench import CLOSED, OPEN, Bench
from tests.harness.test_drills import DRILL
from tests.harness.tiny import Tiny, struck
from tests.waiting import wait_for

ARM = ("--arm", "disrupt=here")
LEAVES_IT_STRUCK = """
@check("DR-TC-02", severity=BLOCKER, component="port")
def test_struck(disrupt):
    '''Its undo finds nobody to ask.'''
    disrupt.platform.stop("port")
    socket = disrupt.profile.platform.socket
    socket.rename(socket.with_suffix(".away"))
    require(False, "open", "closed", "port")
"""
STRIKES = """
@check("DR-TC-03", severity=BLOCKER, component="port")
def test_struck(disrupt):
    '''Leaves the undo to its end.'''
    disrupt.platform.stop("port")
"""
STRIKES_STEPS = [
    "status asked",  # whether the environment is up
    "status asked",  # whose part it is
    "stop port asked",
    "stop port done",
    "start port asked",  # the undo
    "start port done",
]
WAIVER = """
[[waiver]]
check = "DR-TC-02"
profile = "here"
owner = "somebody"
reason = "known"
expires = {}
"""
EDITS = """
import pathlib, runpy, sys
if "up" in sys.argv:
    for file in {files}:
        file = pathlib.Path(file)
        file.write_text((file.read_text() if file.exists() else "") + "\\n# edited\\n")
sys.argv.pop(0)
runpy.run_path(sys.argv[0], run_name="__main__")
"""


@pytest.fixture
def tiny(tmp_path: Path) -> Iterator[Tiny]:
    bench = Tiny(tmp_path)
    yield bench
    bench.end()


def test_what_is_still_struck_is_told_and_no_waiver_makes_a_go_of_it(tiny: Tiny) -> None:
    tiny.suite(LEAVES_IT_STRUCK, "dr/test_port.py")
    (tiny.folder / "suites/infra/test_port.py").unlink()
    tiny.expect()
    soon = datetime.now(UTC).date() + timedelta(days=9)
    (tiny.folder / "suites/waivers.toml").write_text(WAIVER.format(soon))
    assert tiny.seatrial("up").code == 0

    run = tiny.gate(*ARM)
    (tiny.state / "control.away").rename(tiny.state / "control.sock")
    healed = tiny.seatrial("heal")

    assert run.code == 2, run.output
    assert "environment here is still struck: #1 platform.start" in run.output
    assert "run `seatrial heal --profile here.toml`" in run.output
    assert "then teardown: " in run.reason("DR-TC-02")
    assert healed.code == 0, healed.output
    assert tiny.is_open()


def test_a_heal_that_fails_says_what_is_still_struck(tiny: Tiny) -> None:
    process = struck(tiny)
    process.kill()
    process.wait()
    record = '{"n": 2, "do": "nobody.knows", "args": {}, "by": "x", "at": "now"}\n'
    with (tiny.state / "undo.jsonl").open("a") as log:
        log.write(record)

    run = tiny.seatrial("heal")

    assert run.code == 2, run.output
    assert "still struck: #2 nobody.knows" in run.output
    assert "here is not whole: " in run.output
    assert tiny.is_open()


def test_there_is_nothing_to_heal_without_a_platform(bench: Bench) -> None:
    run = bench.run("-m", "seatrial", "heal", "--profile", "here.toml")

    assert run.code == 0, run.output
    assert "it has no [platform]" in run.output


@pytest.mark.slow
def test_a_second_interrupt_waits_for_the_undo_of_the_first(tiny: Tiny) -> None:
    tiny.suite(DRILL.replace("drill.undo()", "import signal; signal.pause()"), "dr/test_port.py")
    assert tiny.seatrial("up").code == 0
    process = tiny.start("gate", "dr", *ARM, "--suites", "suites")
    wait_for(lambda: (tiny.state / "undo.jsonl").exists() and not tiny.is_open(), what="the strike")

    for _ in range(20):
        process.send_signal(signal.SIGINT)

    assert process.wait(30) == 130
    assert tiny.is_open()
    assert "nothing to heal" in tiny.seatrial("heal").output


def test_raw_pytest_undoes_its_strike_when_it_is_told_to_end(tiny: Tiny) -> None:
    tiny.suite(DRILL.replace("drill.undo()", "import signal; signal.pause()"), "dr/test_port.py")
    assert tiny.seatrial("up").code == 0
    process = tiny.start_pytest("suites/dr", *ARM)
    wait_for(lambda: (tiny.state / "undo.jsonl").exists() and not tiny.is_open(), what="the strike")

    process.send_signal(signal.SIGTERM)

    assert process.wait(30) == 2
    assert tiny.is_open()
    assert "nothing to heal" in tiny.seatrial("heal").output


@pytest.mark.parametrize(("number", "first"), [(signal.SIGINT, False), (signal.SIGHUP, False), (signal.SIGTERM, True)])
def test_an_interrupt_during_an_undo_waits_for_its_end(tiny: Tiny, number: signal.Signals, *, first: bool) -> None:
    """Also where the undo is that of a first interrupt."""
    tiny.suite(STRIKES + ("    import signal\n    signal.pause()\n" if first else ""), "dr/test_port.py")
    assert tiny.seatrial("up").code == 0
    journal.begin(tiny.state, STRIKES_STEPS.index("start port asked"), number)
    process = tiny.start_pytest("suites/dr", *ARM)
    if first:
        wait_for(lambda: not tiny.is_open(), what="the strike")
        process.send_signal(signal.SIGINT)

    assert process.wait(30) == 2
    assert journal.end(tiny.state) == STRIKES_STEPS
    assert tiny.is_open()
    assert "nothing to heal" in tiny.seatrial("heal").output


@pytest.mark.parametrize("name", ["here.toml", "suites/expected.toml", "suites/waivers.toml"])
def test_what_is_edited_while_the_environment_boots_is_a_problem(tiny: Tiny, name: str) -> None:
    editing = tiny.folder / "editing.py"
    editing.write_text(EDITS.format(files=[str(tiny.folder / name)]))
    profile = tiny.folder / "here.toml"
    profile.write_text(profile.read_text().replace('["python", ', f'["python", "{editing}", '))

    run = tiny.gate()

    assert run.code == 2, run.output
    assert f"{'profile' if name == 'here.toml' else Path(name).name} changed during the trial" in run.output


def test_what_is_another_while_a_stage_runs_is_a_problem_also_where_it_is_put_back(tiny: Tiny) -> None:
    """A check below `disrupt` edits the profile before the serial stage reads it, and the drill puts it back."""
    swap = "    from pathlib import Path\n    Path('here.toml').write_text(Path('here.toml').read_text(){})\n"
    tiny.suite(OPEN + swap.format(" + '# edited'"))
    back = swap.format(".removesuffix('# edited')")
    tiny.suite(DRILL.replace("    with Drill", f"{back}    with Drill"), "dr/test_port.py")
    assert tiny.seatrial("up").code == 0

    run = tiny.gate(*ARM)

    assert (run.code, run.outcome("DR-TC-01")) == (2, "PASSED"), run.output
    assert "stage serial read another profile" in run.output
    assert "profile changed" not in run.output


@pytest.mark.parametrize("name", ["infra/test_port.py", "helper.py"])
def test_suites_that_are_others_at_the_end_are_a_problem(tiny: Tiny, name: str) -> None:
    tiny.suite(OPEN + f"    from pathlib import Path\n    Path('suites/{name}').write_text('# edited')\n")

    run = tiny.gate()

    assert (run.code, run.outcome("INF-TC-01")) == (2, "PASSED"), run.output
    assert "suites changed during the trial" in run.output


def test_a_platform_that_says_nothing_any_more_at_the_end_is_a_problem(tiny: Tiny) -> None:
    tiny.suite(OPEN + "    socket = observe.profile.platform.socket\n    socket.rename(socket.with_suffix('.away'))\n")
    assert tiny.seatrial("up").code == 0

    run = tiny.gate()

    assert (run.code, run.outcome("INF-TC-01")) == (2, "PASSED"), run.output
    assert "the trial was not of one release from its start to its end" in run.output


def test_raw_pytest_over_an_undo_log_that_cannot_be_read_is_no_verdict(tiny: Tiny) -> None:
    tiny.suite(OPEN + "    (observe.profile.platform.state / 'undo.jsonl').write_text('nonsense\\n')\n")
    assert tiny.seatrial("up").code == 0

    run = tiny.pytest("suites")

    assert (run.code, run.verdict) == (2, None), run.output
    assert "ERROR: no verdict: EnvironmentFault: " in run.output
    assert "Traceback" not in run.output


def test_raw_pytest_with_a_list_that_is_a_folder_says_so(tiny: Tiny) -> None:
    (tiny.folder / "suites/waivers.toml").mkdir()
    assert tiny.seatrial("up").code == 0

    run = tiny.pytest("suites")

    assert (run.code, run.verdict) == (4, None), run.output
    assert "ERROR: [Errno 21] Is a directory: " in run.output


def test_old_news_without_times_cost_no_drill(tiny: Tiny) -> None:
    tiny.suite(DRILL, "dr/test_port.py")
    assert tiny.seatrial("up").code == 0
    row = {"id": "DR-TC-01", "outcome": "PASSED", "severity": "blocker"}
    old = {"verdict": "GO", "release": "r1", "started_at": "", "scope": "all", "results": [row]}
    history = tiny.folder / "reports/out/history/here.json"
    history.parent.mkdir(parents=True)
    history.write_text(json.dumps(old))

    run = tiny.pytest("suites/dr", *ARM)

    assert run.code == 0, run.output


@pytest.mark.slow
def test_a_variable_leaves_no_drill_out(tiny: Tiny) -> None:
    tiny.suite(
        DRILL + CLOSED.replace("INF-TC-02", "DR-TC-03").replace("component=", "plan=PLAN, component="),
        "dr/test_port.py",
    )
    file = tiny.folder / "suites/dr/test_port.py"
    file.write_text(
        "PLAN = None\n"
        + file.read_text().replace('@check("DR-TC-01"', "PLAN = Plan('x', 'y', 'z', 1)\n@check(\"DR-TC-01\"")
    )
    command = ("-m", "seatrial", "drill", "--profile", "here.toml", *ARM)

    run = tiny.run(*command, env={"PYTEST_ADDOPTS": "-k drill"})

    assert (run.code, run.outcome("DR-TC-01"), run.outcome("DR-TC-03")) == (1, "PASSED", "FAILED"), run.output


def test_a_drill_that_vanished_is_missing(tiny: Tiny) -> None:
    tiny.suite(DRILL + DRILL.replace("DR-TC-01", "DR-TC-02").replace("test_drill", "test_other"), "dr/test_port.py")
    tiny.suite(DRILL, "dr/test_port.py", expect=False)

    run = tiny.seatrial("drill", *ARM)

    assert run.code == 2, run.output
    assert run.verdict
    assert run.verdict["scope"] == "DR-TC-01 DR-TC-02"
    assert "DR-TC-02" in run.verdict["missing"]


def test_whoever_rules_and_signs_imports_no_suite(tiny: Tiny) -> None:
    tiny.suite(
        "import os\nwith open('pids', 'a') as pids:\n    pids.write(f'{os.getpid()} ')\n" + DRILL, "dr/test_port.py"
    )

    process = tiny.start("drill", *ARM)

    assert process.wait(60) == 0
    pids = (tiny.folder / "pids").read_text().split()
    assert pids
    assert str(process.pid) not in pids


@pytest.mark.parametrize("option", ["--fixtures", "--fixtures-per-test", "--markers", "--help", "--cache-show"])
def test_nothing_that_is_asked_of_pytest_in_place_of_a_trial_is_a_go(bench: Bench, option: str) -> None:
    bench.suite(CLOSED)

    assert bench.pytest("suites", option).code == 2
    assert bench.pytest(env={"PYTEST_ADDOPTS": option}).code == 2


def test_a_failing_check_that_is_not_listed_has_nothing_else_repeated(bench: Bench) -> None:
    bench.suite(OPEN)
    bench.suite(OPEN + CLOSED, expect=False)
    other = bench.folder / "other/test_z.py"
    other.parent.mkdir()
    other.write_text("open('imported', 'w')")

    run = bench.gate()

    assert run.code == 2, run.output
    assert "repeating" not in run.output
    assert not (bench.folder / "imported").exists()


def test_reports_that_cannot_be_written_are_no_verdict(bench: Bench) -> None:
    bench.suite(OPEN)
    (bench.folder / "reports/out/junit.xml").mkdir(parents=True)

    run = bench.pytest()

    assert run.code == 2, run.output
    assert "the reports cannot be written" in run.output
    assert "Traceback" not in run.output


def test_reports_that_cannot_be_written_are_told_before_the_trial(bench: Bench) -> None:
    bench.suite(OPEN)
    (bench.folder / "reports").symlink_to("gone")

    run = bench.gate()

    assert run.code == 2, run.output
    assert "observe and exercise" not in run.output


def test_a_lock_is_for_stages_that_give_no_verdict(tiny: Tiny) -> None:
    assert tiny.seatrial("up").code == 0

    run = tiny.pytest("suites", "--seatrial-lock", "9")

    assert run.code == 4, run.output
    assert "for the stages of a gate" in run.output


def test_no_error_of_a_fixture_tells_a_secret(bench: Bench) -> None:
    bench.profile(
        'max_impact = "exercise"',
        '[credentials.observe]\npostgres = {user = "u", password = "env:HERE_PASSWORD"}',
    )
    bench.suite(
        "def connect(dsn, password):\n    print(password)\n    raise RuntimeError(f'refused {password}')\n"
        "@pytest.fixture\ndef helper(observe):\n    connect('postgres://x', 'hunter2hunter2')\n"
        + OPEN.replace("(observe)", "(observe, helper)")
    )

    run = bench.pytest(env={"HERE_PASSWORD": "hunter2hunter2"})

    assert run.outcome("INF-TC-01") == "INVALID", run.output
    assert "refused" in run.output
    assert "hunter2" not in run.output
