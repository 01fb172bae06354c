"""Two trials at once: what keeps the second one out, and what cannot be taken away."""

import fcntl
import os
import shutil
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from seatrial import cli, hosting, platform_socket
from seatrial.errors import EnvironmentFault, UsageError
from seatrial.lock import held
from seatrial.profile import load
from tests.safety.conftest import PROFILE, Build


@contextmanager
def another(state: Path, *, alone: bool, with_child: bool = False) -> Iterator[int]:
    """Another process that holds the folder, and a child of it that holds it too; gives its process id."""
    reading, writing = os.pipe()
    if not (pid := os.fork()):
        try:
            os.setpgid(0, 0)
            with held(state, "here", alone=alone):
                if with_child:
                    os.fork()
                os.write(writing, b"held")
                while True:
                    signal.pause()
        finally:
            os._exit(1)
    os.close(writing)
    with suppress(ProcessLookupError, PermissionError):
        os.setpgid(pid, pid)
    try:
        assert os.read(reading, 4) == b"held"
        yield pid
    finally:
        os.close(reading)
        with suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)
        with suppress(ChildProcessError):
            os.waitpid(pid, 0)


def killed(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


def refused(state: Path, *, alone: bool) -> bool:
    try:
        with held(state, "here", alone=alone):
            return False
    except UsageError as error:
        return "another trial is running on here" in str(error)


def test_whoever_strikes_is_alone_and_whoever_looks_is_not(tmp_path: Path) -> None:
    with another(tmp_path, alone=True):
        assert [refused(tmp_path, alone=alone) for alone in (True, False)] == [True, True]
    with another(tmp_path, alone=False):
        assert [refused(tmp_path, alone=alone) for alone in (True, False)] == [True, False]
    assert not refused(tmp_path, alone=True)


def test_nothing_in_the_folder_can_be_taken_away_or_written_to_get_in(tmp_path: Path) -> None:
    with another(tmp_path, alone=True):
        for name in ("trial.lock", "pid", "booted-by-gate"):
            (tmp_path / name).write_text("1")
            assert refused(tmp_path, alone=True)
            (tmp_path / name).unlink()
            assert refused(tmp_path, alone=False)


def test_a_trial_that_was_killed_holds_nothing_whoever_has_its_number_now(tmp_path: Path) -> None:
    with another(tmp_path, alone=True) as pid:
        killed(pid)
        assert not refused(tmp_path, alone=True)


def test_a_stage_that_outlives_its_gate_holds_the_environment_still(tmp_path: Path) -> None:
    with another(tmp_path, alone=True, with_child=True) as pid:
        killed(pid)
        assert refused(tmp_path, alone=False)


def test_a_folder_that_is_made_anew_is_another_one(tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.mkdir()
    before = os.open(state, os.O_RDONLY)
    fcntl.flock(before, fcntl.LOCK_EX)
    shutil.move(state, tmp_path / "aside")
    state.mkdir()

    with (
        pytest.raises(UsageError, match="not the state folder of here"),
        held(state, "here", alone=True, inherited=before),
    ):
        raise AssertionError("held")
    os.close(before)


def test_a_folder_that_is_opened_and_not_held_is_no_lock(tmp_path: Path) -> None:
    opened = os.open(tmp_path, os.O_RDONLY)

    for kind in (fcntl.LOCK_UN, fcntl.LOCK_SH):
        fcntl.flock(opened, kind)
        with (
            pytest.raises(UsageError, match="the lock of here is not held"),
            held(tmp_path, "here", alone=True, inherited=opened),
        ):
            raise AssertionError("held")
    with held(tmp_path, "here", alone=False, inherited=opened):
        os.close(opened)


@pytest.mark.parametrize(
    ("place", "words"), [("file", "cannot be held: Not a directory"), ("nothing", "cannot be held: No such file")]
)
def test_what_cannot_be_held_is_wrong_usage(tmp_path: Path, place: str, words: str) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(UsageError, match=words), held(tmp_path / place, "here", alone=False):
        raise AssertionError("held")


def test_a_second_gate_leaves_alone_what_the_first_one_boots(tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.mkdir()
    (state / "booted-by-gate").touch()
    (state / "half-booted").touch()
    (tmp_path / "here.toml").write_text(
        PROFILE.format(max_impact="destroy", socket="state/control.sock").replace('state = "."', 'state = "state"')
    )

    with another(state, alone=True), pytest.raises(UsageError, match="another trial"):  # noqa: SIM117 - the order matters
        with hosting.booted(load(tmp_path / "here.toml"), alone=False):
            raise AssertionError("booted")

    assert {path.name for path in state.iterdir()} == {"booted-by-gate", "half-booted"}


def test_an_up_begins_beside_nobody_who_boots(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    profile = tmp_path / "here.toml"
    profile.write_text(PROFILE.format(max_impact="destroy", socket="control.sock"))

    with another(tmp_path, alone=True):
        assert cli.main(["up", "--profile", str(profile)]) == 3

    assert "another trial is running on here" in capsys.readouterr().err


def test_an_environment_that_does_not_answer_is_neither_started_nor_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(platform_socket, "READ_TIMEOUT_S", 0.05)
    profile = tmp_path / "here.toml"
    text = PROFILE.format(max_impact="destroy", socket="control.sock")
    profile.write_text(text.replace('["false"]', f'["touch", "{tmp_path}/called"]'))

    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(tmp_path / "control.sock"))
        silent.listen()
        with pytest.raises(EnvironmentFault, match="no answer within"), hosting.booted(load(profile), alone=False):
            raise AssertionError("booted")

    assert not (tmp_path / "called").exists()


def test_heal_and_prove_wait_for_whoever_is_there(build: Build, tmp_path: Path) -> None:
    environments = build("disrupt=here"), build("destroy=here"), build()

    with another(tmp_path, alone=True):
        for environment in environments:
            with pytest.raises(UsageError, match="another trial"), environment.lock():
                raise AssertionError("held")
