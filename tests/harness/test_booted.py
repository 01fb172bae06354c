"""Heal, and the life of a booted environment, on a platform with one port."""

import os
import signal
import socket

import pytest

from seatrial.undo import UndoLog
from tests.harness.bench import OPEN
from tests.harness.tiny import Tiny, struck
from tests.waiting import wait_for


@pytest.mark.slow
def test_heal_restores_what_a_killed_prove_left(tiny: Tiny) -> None:
    process = struck(tiny)
    process.kill()
    process.wait()

    refused = tiny.gate()
    healed = tiny.seatrial("heal")

    assert refused.code == 3, refused.output
    assert "seatrial heal" in refused.output
    assert healed.code == 0, healed.output
    assert "undone #1 platform.start (struck by port-stopped" in healed.output
    assert tiny.is_open()
    assert tiny.gate().code == 0
    assert "nothing to heal" in tiny.seatrial("heal").output


def test_heal_starts_a_dead_environment_first(tiny: Tiny) -> None:
    process = struck(tiny)
    process.kill()
    process.wait()
    os.kill(int((tiny.state / "pid").read_text()), signal.SIGKILL)

    run = tiny.seatrial("heal")

    assert run.code == 0, run.output
    assert "starting it first" in run.output
    assert tiny.is_open()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_prove_undoes_its_strike(tiny: Tiny, number: signal.Signals) -> None:
    process = struck(tiny)
    process.send_signal(number)

    assert process.wait(30) == 130
    assert tiny.is_open()
    assert "nothing to heal" in tiny.seatrial("heal").output


def test_while_a_trial_strikes_nobody_else_does_and_the_environment_stays_up(tiny: Tiny) -> None:
    process = struck(tiny)

    runs = [tiny.gate(), tiny.seatrial("down")]

    process.send_signal(signal.SIGINT)
    process.wait(30)
    for run in runs:
        assert run.code == 3, run.output
        assert "another trial is running on here" in run.output


def test_the_gate_boots_a_dead_environment_and_takes_it_down(tiny: Tiny) -> None:
    run = tiny.gate()

    assert run.code == 0, run.output
    assert run.verdict
    assert run.verdict["timings"]["cold start"] > 0
    assert not tiny.is_open()
    assert not tiny.state.exists()


def test_the_gate_leaves_an_environment_up_that_was_up(tiny: Tiny) -> None:
    tiny.seatrial("up")

    assert tiny.gate().code == 0
    assert tiny.is_open()


@pytest.mark.parametrize("options", [(), ("-n", "2")])
def test_raw_pytest_boots_nothing_and_says_how(tiny: Tiny, options: tuple[str, ...]) -> None:
    text = (tiny.folder / "here.toml").read_text()
    account = '[[accounts]]\nemail = "a@example.test"\npassword = "file:state/secret"\n'
    (tiny.folder / "here.toml").write_text(text + account)

    run = tiny.pytest("suites", *options)

    assert run.code == 4, run.output
    assert "environment here is down: run `seatrial up --profile here.toml`" in run.output


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_a_gate_that_ends_early_leaves_nothing_running(tiny: Tiny, number: signal.Signals) -> None:
    tiny.suite(OPEN.replace("    require(", "    import time; time.sleep(60)\n    require("))
    process = tiny.start("gate", "--suites", "suites")
    wait_for(tiny.is_open, what="the gate's own environment")
    process.send_signal(number)
    process.wait(30)

    wait_for(lambda: not tiny.is_open(), what="the environment to be gone")
    tiny.suite(OPEN)
    assert tiny.gate().code == 0


@pytest.mark.slow
@pytest.mark.parametrize("verb", ["up", "heal"])
def test_what_a_killed_gate_left_is_kept_once_somebody_has_started_it(tiny: Tiny, verb: str) -> None:
    tiny.suite(OPEN.replace("    require(", "    import time; time.sleep(60)\n    require("))
    process = tiny.start("gate", "--suites", "suites")
    wait_for(tiny.is_open, what="the gate's own environment")
    process.kill()
    process.wait()
    wait_for(lambda: not tiny.is_open(), what="the environment to be gone")
    UndoLog(tiny.state / "undo.jsonl").append("platform.start", {"part": "port"}, "somebody")
    wait_for(lambda: tiny.seatrial(verb).code == 0, what="the end of what the gate started")
    mine = tiny.state / "mine"
    mine.touch()
    tiny.seatrial("heal")
    tiny.seatrial("down")
    tiny.suite(OPEN)

    run = tiny.gate()

    assert run.code == 0, run.output
    assert mine.exists()


def test_an_up_that_fails_leaves_it_to_the_next_gate_to_remove_what_a_killed_one_left(tiny: Tiny) -> None:
    tiny.state.mkdir()
    for name in ("booted-by-gate", "left"):
        (tiny.state / name).touch()
    with socket.create_server(("127.0.0.1", tiny.port)):
        assert tiny.seatrial("up").code != 0

    run = tiny.gate()

    assert run.code == 0, run.output
    assert not tiny.state.exists()


@pytest.mark.slow
def test_an_up_of_what_a_gate_has_booted_changes_nothing(tiny: Tiny) -> None:
    tiny.suite(
        OPEN.replace(
            "    require(", "    import pathlib, time; pathlib.Path('running').touch(); time.sleep(60)\n    require("
        )
    )
    process = tiny.start("gate", "--suites", "suites")
    wait_for((tiny.folder / "running").exists, what="the check to run")
    assert tiny.seatrial("up").code == 0
    process.kill()
    process.wait()
    wait_for(lambda: not tiny.is_open(), what="the environment to be gone")
    tiny.suite(OPEN)

    run = tiny.gate()

    assert run.code == 0, run.output
    assert not tiny.state.exists()


def test_a_gate_that_a_script_started_in_the_background_ends_when_it_is_told_to(tiny: Tiny) -> None:
    marker = tiny.folder / "running"
    tiny.suite(
        OPEN.replace(
            "    require(", f"    import pathlib, time; pathlib.Path('{marker}').touch(); time.sleep(60)\n    require("
        )
    )
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # as a shell without job control does
    try:
        process = tiny.start("gate", "--suites", "suites")
    finally:
        signal.signal(signal.SIGINT, before)
    wait_for(marker.exists, what="the check to run")
    process.send_signal(signal.SIGTERM)

    assert process.wait(30) == 130
    assert not tiny.is_open()


def test_what_somebody_else_is_starting_is_not_taken_down(tiny: Tiny) -> None:
    """The platform refuses to start what starts already, and `down` would stop it."""
    refuses = tiny.folder / "refuses.py"
    refuses.write_text("import pathlib, sys\npathlib.Path('said').open('a').write(sys.argv[1])\nsys.exit(1)\n")
    profile = (tiny.folder / "here.toml").read_text()
    command = next(line for line in profile.splitlines() if line.startswith("command"))
    (tiny.folder / "here.toml").write_text(profile.replace(command, f'command = ["python", "{refuses}"]'))

    run = tiny.gate()

    assert (run.code, run.verdict) == (2, None), run.output
    assert (tiny.folder / "said").read_text() == "up"


def test_an_environment_that_does_not_come_up_is_no_verdict(tiny: Tiny) -> None:
    with socket.create_server(("127.0.0.1", tiny.port)):
        run = tiny.gate()

    assert (run.code, run.verdict) == (2, None), run.output
    assert "did not come up" in run.output
