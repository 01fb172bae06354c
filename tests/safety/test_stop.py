"""A check that would go on striking: after a stop condition, after its end, from a thread, past Ctrl-C."""

import json
import os
import signal
import threading
from pathlib import Path
from typing import Any

import pytest

from seatrial import strikes
from seatrial.drills import Drill
from seatrial.errors import EnvironmentFault, Failure, HarnessError, Invalid
from seatrial.impact import Destroy, Disrupt
from seatrial.outcome import Outcome
from seatrial.proof import Proof
from seatrial.prove import Prover
from seatrial.registry import Expected, Fault
from seatrial.strikes import interruptible, shielded
from seatrial.undo import UndoLog
from tests.harness.tiny import Tiny
from tests.safety.conftest import Build, FakePlatform

Platform = tuple[FakePlatform, Path]
LIMIT_S = 30  # on whatever waits for another thread


@pytest.fixture
def disrupt(build: Build) -> Disrupt:
    return Disrupt(build("destroy=here"), "DR-TC-01")


def stopped(disrupt: Disrupt) -> None:
    """Rehearse something whose harm is beyond its bounds."""
    with Drill(disrupt, lambda: True, within_s=1) as drill:
        drill.strike("paused", lambda: disrupt.platform.pause("api-1"), lambda: True)
        drill.recover({"never": lambda: False}, within_s=5, where="api", stop=lambda: "too many failed")


def acts(platform: Platform) -> list[str]:
    return [call for call, _ in platform[0].acts]


def test_a_stopped_drill_is_undone_at_once_and_strikes_no_more(disrupt: Disrupt, platform: Platform) -> None:
    with pytest.raises(Failure, match="too many failed; broken off and undone"):
        stopped(disrupt)
    assert acts(platform) == ["pause", "resume"]

    for strike in (disrupt.platform.stop, disrupt.platform.kill):
        with pytest.raises(HarnessError, match="no strike any more: it was stopped"):
            strike("api-1")
    assert acts(platform) == ["pause", "resume"]
    assert disrupt.stopped


def test_a_check_that_has_ended_strikes_no_more(disrupt: Disrupt, platform: Platform) -> None:
    disrupt.platform.pause("api-1")
    disrupt.close()

    with pytest.raises(HarnessError, match="no strike any more: the check has ended"):
        disrupt.platform.pause("api-1")
    assert acts(platform) == ["pause", "resume"]


def test_a_thread_strikes_no_more_once_its_check_has_ended(disrupt: Disrupt, platform: Platform) -> None:
    over, told = threading.Event(), list[str]()

    def late() -> None:
        over.wait(LIMIT_S)
        try:
            disrupt.platform.stop("api-1")
        except HarnessError as error:
            told.append(str(error))

    thread = threading.Thread(target=late)
    thread.start()
    disrupt.close()
    over.set()
    thread.join(LIMIT_S)

    assert told == ["no strike any more: the check has ended (platform.start)"]
    assert acts(platform) == []


def test_what_a_thread_is_striking_is_undone_after_it_and_not_before(disrupt: Disrupt, platform: Platform) -> None:
    began, fake = threading.Event(), platform[0]
    before = fake.answer

    def slow(call: str, asked: dict[str, Any]) -> tuple[int, bytes]:
        if call == "pause":
            began.set()
            threading.Event().wait(0.2)
        return before(call, asked)

    fake.answer = slow  # type: ignore[method-assign]
    thread = threading.Thread(target=disrupt.platform.pause, args=("api-1",))
    thread.start()
    assert began.wait(LIMIT_S)
    disrupt.close()
    thread.join(LIMIT_S)

    assert acts(platform) == ["pause", "resume"]


def test_a_thread_that_struck_and_does_not_end_makes_its_check_invalid(
    disrupt: Disrupt, platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(strikes, "LATE_S", 0.05)
    over, struck = threading.Event(), threading.Event()

    def linger() -> None:
        disrupt.platform.pause("api-1")
        struck.set()
        over.wait(LIMIT_S)

    thread = threading.Thread(target=linger, name="lingering")
    thread.start()
    assert struck.wait(LIMIT_S)

    with pytest.raises(Invalid, match=r"a thread that struck has not ended.*: lingering"):
        disrupt.close()
    over.set()
    thread.join(LIMIT_S)
    assert acts(platform) == ["pause", "resume"]


def test_a_strike_that_cannot_be_recorded_does_not_happen(disrupt: Disrupt, platform: Platform, tmp_path: Path) -> None:
    (tmp_path / "undo.jsonl").mkdir()

    with pytest.raises(EnvironmentFault, match="undo log"):
        disrupt.platform.stop("api-1")

    assert acts(platform) == []


def test_a_strike_whose_record_is_lost_is_undone_and_told(disrupt: Disrupt, platform: Platform, tmp_path: Path) -> None:
    disrupt.platform.pause("api-1")
    (tmp_path / "undo.jsonl").unlink()

    with pytest.raises(EnvironmentFault, match="has lost records"):
        disrupt.close()

    assert acts(platform) == ["pause", "resume"]


class Keeps:
    """A fault that keeps its handle, and strikes again when it is asked whether it is in effect."""

    def strike(self, destroy: Destroy) -> None:
        self.kept = destroy
        destroy.platform.pause("api-1")

    def in_effect(self, _observe: object) -> bool:
        self.kept.platform.stop("api-1")
        return True


def test_a_fault_strikes_once(build: Build, platform: Platform, tmp_path: Path) -> None:
    (tmp_path / "suites").mkdir()
    prover = Prover(build("destroy=here"), tmp_path / "suites", [])
    fault = Fault("keeps", "process", {"INF-TC-01": Expected(Outcome.FAILED, "x")}, 5, Keeps(), "Keeps", Path(__file__))

    proven = prover.prove(fault)

    assert (proven.proof, "no strike any more: the fault has struck" in proven.reason) == (Proof.INVALID, True)
    assert acts(platform) == ["pause", "resume"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupt_seals_before_it_is_raised_and_lets_the_undo_end(number: int) -> None:
    told: list[str] = []

    def undo() -> None:
        signal.raise_signal(number)
        told.append("undone")

    with pytest.raises(KeyboardInterrupt), interruptible(lambda: told.append("sealed"), undo):
        signal.raise_signal(number)
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)

    assert told == ["sealed", "sealed", "undone"]


def test_an_interrupt_during_an_undo_comes_when_all_is_undone(disrupt: Disrupt, platform: Platform) -> None:
    fake, removed = platform[0], list[str]()
    before = fake.answer

    def interrupting(call: str, asked: dict[str, Any]) -> tuple[int, bytes]:
        if (call, asked.get("on")) == ("maintenance", False):
            os.kill(os.getpid(), signal.SIGINT)
        return before(call, asked)

    fake.answer = interrupting  # type: ignore[method-assign]
    disrupt.platform.pause("api-1")
    disrupt.platform.maintenance()
    disrupt.cleanup(removed.append, "own data")

    with pytest.raises(KeyboardInterrupt), interruptible(lambda: None, disrupt.close):
        disrupt.undo()

    assert acts(platform) == ["pause", "maintenance", "maintenance", "resume"]
    assert removed == ["own data"]


def test_what_is_ignored_stays_ignored_during_an_undo() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with shielded():
            signal.raise_signal(signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, before)


STUBBORN = """
import os, signal
from seatrial.drills import Drill

@check("SAF-TC-01", severity=BLOCKER, component="port")
def test_1(disrupt):
    '''Catches the end of its drill, and says that all is well.'''
    try:
        with Drill(disrupt, lambda: True, within_s=1) as drill:
            drill.strike("stopped", lambda: disrupt.platform.stop("port"), lambda: True)
            drill.recover({"never": lambda: False}, within_s=5, where="port", stop=lambda: "too many")
    except BaseException:
        try:
            disrupt.platform.stop("port")
        except BaseException:
            pass

@check("SAF-TC-02", severity=BLOCKER, component="port")
def test_2(disrupt):
    '''Catches Ctrl-C, and goes on.'''
    for _ in range(3):
        try:
            disrupt.platform.stop("port")
            os.kill(os.getpid(), signal.SIGINT)
        except BaseException:
            pass

@check("SAF-TC-03", severity=BLOCKER, component="port")
def test_3(disrupt):
    '''Comes after Ctrl-C.'''
    disrupt.platform.stop("port")
"""


def test_a_check_that_catches_everything_outlasts_neither_a_stop_nor_an_interrupt(tmp_path: Path) -> None:
    bench = Tiny(tmp_path)
    bench.suite(STUBBORN, "safety/test_stop.py")
    try:
        assert bench.seatrial("up").code == 0
        run = bench.pytest("suites/safety", "--arm", "disrupt=here", "--seatrial-results", "results.jsonl")

        *rows, end = map(json.loads, (tmp_path / "results.jsonl").read_text().splitlines())
        assert [row["id"] for row in rows] == ["SAF-TC-01", "SAF-TC-02"], run.output
        assert (rows[0]["outcome"], rows[0]["findings"][0]["seen"]) == ("FAILED", "too many; broken off and undone")
        assert end["end"] == pytest.ExitCode.INTERRUPTED
        assert bench.is_open()
        assert UndoLog(bench.state / "undo.jsonl").pending() == []
    finally:
        bench.end()
