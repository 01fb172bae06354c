"""Prove, heal and the life of a booted environment, on a platform with one port."""

import contextlib
import json
import os
import random
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.bench import Bench, Run
from tests.harness.test_plugin import OPEN
from tests.harness.tiny_platform import down
from tests.waiting import wait_for

PLATFORM = Path(__file__).with_name("tiny_platform.py")
FAULT = """
from seatrial import fault

@fault("port-stopped", kind="process", caught_by={"INF-TC-01": "closed"})
class PortStopped:
    '''The port's process is stopped.'''
    def strike(self, destroy): destroy.platform.stop("port")
    def in_effect(self, observe): return observe.platform.status().part("port").state == "stopped"
"""


def lasting_port() -> int:
    """Return a free port that no connection is given by chance while its part is stopped (ip_local_port_range begins at 32768)."""
    for port in random.sample(range(24000, 32000), 100):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise AssertionError("no free port in a hundred")


class Tiny(Bench):
    """A bench with a platform of its own."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, lasting_port())
        self.state = folder / "state"
        self.profile(
            'max_impact = "destroy"',
            f'[platform]\ncommand = ["python", "{PLATFORM}", "{self.state}", "{self.port}"]',
            f'socket = "{self.state}/control.sock"\nstate = "{self.state}"\ndisposable = true',
        )
        self.suite(OPEN)
        self.fault(FAULT)

    def fault(self, text: str, name: str = "infra/port.py") -> None:
        """Write a fault file."""
        file = self.folder / "faults" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def seatrial(self, *arguments: str) -> Run:
        """Run a command of the harness with the bench's profile."""
        return self.run("-m", "seatrial", *arguments, "--profile", "here.toml")

    def start(self, *arguments: str) -> "subprocess.Popen[bytes]":
        """Start a command of the harness and go on."""
        return subprocess.Popen(
            [sys.executable, "-m", "seatrial", *arguments, "--profile", "here.toml"],
            cwd=self.folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": str(Path.cwd())},
        )

    def start_pytest(self, *arguments: str) -> "subprocess.Popen[bytes]":
        """Start raw pytest on the suites and go on."""
        return subprocess.Popen(
            [sys.executable, "-m", "pytest", *self.raw(), *arguments],
            cwd=self.folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": str(Path.cwd())},
        )

    def end(self) -> None:
        """Have the platform end."""
        assert down(self.state) == 0

    def is_open(self) -> bool:
        """Tell whether the part's port accepts."""
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0


@pytest.fixture
def tiny(tmp_path: Path) -> Iterator[Tiny]:
    bench = Tiny(tmp_path)
    yield bench
    bench.end()


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
        (('destroy.platform.stop("port")', "pass"), "INVALID", "not in effect within"),
        (('"closed"', '"something else"'), "MISSED", "for another reason"),
        (('"closed"', '("INVALID", "closed")'), "MISSED", "was FAILED, not INVALID"),
        (('destroy.platform.stop("port")', "1 / 0"), "INVALID", "ZeroDivisionError"),
        (('.state == "stopped"', '.nothing == "stopped"'), "INVALID", "nothing"),
        (('.state == "stopped"', '.state != "unknown"'), "INVALID", "still in effect"),
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


def struck(tiny: Tiny) -> "subprocess.Popen[bytes]":
    """Start a prove that hangs in mid-strike, with the port down."""
    tiny.fault(
        FAULT.replace('.state == "stopped"', '.state == "never"').replace('"process",', '"process", takes_s=60,')
    )
    tiny.seatrial("up")
    process = tiny.start("prove", "--faults", "faults", "--suites", "suites")
    wait_for(lambda: (tiny.state / "undo.jsonl").exists() and not tiny.is_open(), what="the strike")
    return process


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
    assert "environment here is down: run `seatrial up --profile here`" in run.output


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


def test_an_environment_that_does_not_come_up_is_no_verdict(tiny: Tiny) -> None:
    with socket.create_server(("127.0.0.1", tiny.port)):
        run = tiny.gate()

    assert (run.code, run.verdict) == (2, None), run.output
    assert "did not come up" in run.output
