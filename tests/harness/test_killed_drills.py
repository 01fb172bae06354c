"""A drill that is killed at any of its steps is healed, and so is one whose heal is killed at any of its own.

A step is what others can see of a drill: a call to the platform, asked and done, and a record in the undo log, about to be
written. Between two of them nothing changes in the world, so that a kill there leaves what a kill at the next one leaves.
"""

import hashlib
import json
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from seatrial.platform import PlatformClient
from seatrial.undo import UndoLog
from tests.harness import journal
from tests.harness.bench import Run
from tests.harness.tiny import Tiny

DRILL = """
from seatrial.drills import Drill

@check("DR-TC-01", severity=BLOCKER, component="port", plan=Plan("port shut, lamp red", "callers", "opens it", 5))
def test_drill(disrupt):
    '''Struck twice.'''
    def sees(state, settings):
        parts = disrupt.platform.status().parts
        require((parts["port"].state, dict(parts["lamp"].settings)) == (state, settings), state, parts)
        return True
    def strike():
        disrupt.platform.stop("port")
        disrupt.platform.restart("lamp", {"colour": "red"})
    with Drill(disrupt, lambda: sees("ready", {"colour": "white"}), within_s=1) as drill:
        drill.strike("dark", strike, lambda: sees("stopped", {"colour": "red"}))
        drill.recover({"noticed": lambda: sees("stopped", {"colour": "red"})}, within_s=5, where="port")
        drill.undo()
        drill.recover({"whole": lambda: sees("ready", {"colour": "white"})}, within_s=5, since_undo=True, where="port")
        drill.require_steady()
"""
STRIKE = [
    "status asked",  # of the port's state before: whether it is a primary
    "record in the undo log",
    "stop port asked",
    "stop port done",
    "status asked",  # of the lamp's settings before
    "record in the undo log",
    "restart lamp asked",
    "restart lamp done",
]
UNDO = [
    "restart lamp asked",
    "restart lamp done",
    "start port asked",
    "start port done",
    "record in the undo log",  # that the restart is undone
    "record in the undo log",  # that the stop is undone
]
STEPS = [
    "status asked",  # whether the environment is up
    "status asked",  # steady before the strike
    *STRIKE,
    "status asked",  # in effect
    "status asked",  # recovering: noticed
    *UNDO,
    "status asked",  # recovered
    "status asked",  # steady after the recovery
    "status asked",  # of the release, for the verdict
]
HEALING = ["status asked", *UNDO]
STRUCK = STEPS.index("restart lamp done") + 1


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tiny]:
    bench = Tiny(tmp_path_factory.mktemp("tiny"))
    bench.suite(DRILL, "dr/test_port.py")
    up = bench.seatrial("up")
    assert up.code == 0, up.output
    yield bench
    bench.end()


@pytest.fixture(scope="module")
def whole(tiny: Tiny) -> str:
    """The digest of before the first strike."""
    return digest(tiny)


@pytest.fixture
def struck(tiny: Tiny, whole: str) -> None:
    """A drill was killed when all of its strikes were in effect."""
    journal.begin(tiny.state, STRUCK)
    assert drill(tiny).code == -signal.SIGKILL
    journal.end(tiny.state)
    assert digest(tiny) != whole


def digest(tiny: Tiny) -> str:
    """Sum up all that a strike may change: what the platform says, whether the port really accepts, what waits to be undone."""
    client = PlatformClient(tiny.state / "control.sock")
    parts = {name: (part.state, dict(part.settings)) for name, part in client.status().parts.items()}
    client.close()
    pending = [str(entry) for entry in UndoLog(tiny.state / "undo.jsonl").pending()]
    return hashlib.sha256(json.dumps([parts, tiny.is_open(), pending]).encode()).hexdigest()


def drill(tiny: Tiny) -> Run:
    return watched(
        tiny,
        "pytest",
        "-c",
        str(Path("seatrial/pytest.toml").resolve()),
        "--rootdir",
        ".",
        "suites/dr",
        "--profile",
        "here.toml",
        "--arm",
        "disrupt=here",
    )


def watched(tiny: Tiny, module: str, *arguments: str) -> Run:
    return tiny.run(journal.__file__, str(tiny.state), module, *arguments)


def test_no_step_of_a_drill_is_overlooked(tiny: Tiny, whole: str) -> None:
    journal.begin(tiny.state)

    run = drill(tiny)

    assert run.code == 0, run.output
    assert journal.end(tiny.state) == STEPS
    assert digest(tiny) == whole


@pytest.mark.parametrize("number", range(len(STEPS)), ids=[f"{number}-{step}" for number, step in enumerate(STEPS)])
def test_a_drill_that_is_killed_at_any_step_is_healed(tiny: Tiny, whole: str, number: int) -> None:
    journal.begin(tiny.state, number)

    killed = drill(tiny)

    assert killed.code == -signal.SIGKILL, killed.output
    assert journal.end(tiny.state) == STEPS[: number + 1]
    healed = tiny.seatrial("heal")
    assert healed.code == 0, healed.output
    assert digest(tiny) == whole


@pytest.mark.usefixtures("struck")
def test_no_step_of_a_heal_is_overlooked(tiny: Tiny, whole: str) -> None:
    journal.begin(tiny.state)

    run = watched(tiny, "seatrial", "heal", "--profile", "here.toml")

    assert run.code == 0, run.output
    assert journal.end(tiny.state) == HEALING
    assert digest(tiny) == whole


@pytest.mark.usefixtures("struck")
@pytest.mark.parametrize("number", range(len(HEALING)), ids=[f"{number}-{step}" for number, step in enumerate(HEALING)])
def test_a_heal_that_is_killed_at_any_step_is_healed_by_the_next(tiny: Tiny, whole: str, number: int) -> None:
    journal.begin(tiny.state, number)

    killed = watched(tiny, "seatrial", "heal", "--profile", "here.toml")

    assert killed.code == -signal.SIGKILL, killed.output
    assert journal.end(tiny.state) == HEALING[: number + 1]
    healed = tiny.seatrial("heal")
    assert healed.code == 0, healed.output
    assert digest(tiny) == whole
