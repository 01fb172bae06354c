"""Start and stop an environment through the command that its profile names."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from seatrial.errors import EnvironmentFault, UsageError
from seatrial.lock import held
from seatrial.platform import PlatformClient
from seatrial.platform_socket import PlatformDown
from seatrial.profile import PlatformSection, Profile
from seatrial.scope import Places

# Where a process that was started below `booted` finds the lifeline of what was booted there.
_LIFELINE = "SEATRIAL_LIFELINE"
# In a state folder that a gate has made, and that the next one may empty where this one was killed.
_MARKER = "booted-by-gate"


@dataclass(frozen=True)
class Boot:
    """How an environment came to be up.

    Attributes:
        seconds: None when it was up already.
        lock: a descriptor of the lock on it, for processes that are to hold it too; None where there is no platform.
    """

    seconds: float | None
    lock: int | None = None


def section(profile: Profile) -> PlatformSection:
    """Return the profile's platform; raises UsageError where the harness cannot start or stop the environment."""
    if profile.platform is None:
        raise UsageError(
            f"{profile.path}: the profile names no [platform], so this environment is not ours to start or stop"
        )
    return profile.platform


def require_up(profile: Profile) -> None:
    """Ask the control interface whose it is.

    Raises EnvironmentFault where nobody answers, UsageError where another environment does: its name, and the folder that
    lives with it, are those in which the strikes are recorded.
    """
    platform = section(profile)
    status = PlatformClient(platform.socket).status()
    state = status.state or platform.state
    if status.environment != profile.name or state.resolve() != platform.state:
        raise UsageError(
            f"{profile.path}: this profile is of environment {profile.name!r} in {platform.state}, and at its socket "
            f"answers {status.environment!a} in {state}"
        )


def is_up(profile: Profile) -> bool:
    """Tell whether anybody listens at the control interface.

    Raises EnvironmentFault for one who does and does not answer, which is no reason to start another, and UsageError where
    another environment's answers.
    """
    try:
        require_up(profile)
    except PlatformDown:
        return False
    return True


def call(profile: Profile, *arguments: str, lifeline: int | None = None) -> int:
    """Run the platform's command with the arguments in the profile's tree and return its exit code."""
    command = _command(section(profile).command, *arguments)
    keep = () if lifeline is None else (lifeline,)
    process = subprocess.Popen(command, cwd=profile.tree, pass_fds=keep, process_group=0)
    try:
        return process.wait()
    except KeyboardInterrupt:
        process.send_signal(signal.SIGINT)
        process.wait()
        raise


def start(profile: Profile) -> int:
    """Run the platform's `up` of an environment that is down and held, for somebody who keeps what it starts.

    He keeps it also where a gate that was killed has left its state.
    """
    code = call(profile, "up")
    if code == 0:
        (section(profile).state / _MARKER).unlink(missing_ok=True)
    return code


def tell(profile: Places, command: str) -> None:
    """Run `up`, `down` or `rebuild` of an environment that was up; raises EnvironmentFault with the line that it ends with.

    What is started holds the lifeline of `booted`, if the environment was booted there, here or in a process above this one.
    """
    with contextlib.ExitStack() as ending:
        options: list[str] = []
        keep: tuple[int, ...] = ()
        if command != "down" and (place := os.environ.get(_LIFELINE)):
            lifeline = os.open(place, os.O_RDONLY)
            ending.callback(os.close, lifeline)
            options, keep = ["--lifeline", str(lifeline)], (lifeline,)
        words = _command(profile.platform_command, command, *options)
        done = subprocess.run(
            words, cwd=profile.tree, capture_output=True, text=True, check=False, pass_fds=keep, process_group=0
        )
    if done.returncode:
        lines = done.stderr.splitlines() or [f"{command} ended with exit code {done.returncode}"]
        raise EnvironmentFault(next((each for each in lines if each.startswith(("up: ", f"{command}: "))), lines[-1]))


def _command(words: Sequence[str], *arguments: str) -> list[str]:
    program, *rest = words
    return [sys.executable if program == "python" else program, *rest, *arguments]


@contextmanager
def booted(profile: Profile, *, alone: bool) -> Iterator[Boot]:
    """Hold an environment that is up: as found, or booted here and taken down afterwards.

    What is booted here lives in an empty state folder, holds a lifeline to this process (so that its death by SIGKILL takes
    everything along) and leaves no state behind. A state folder that somebody made with `seatrial up` is kept. Raises
    UsageError when another trial holds it.

    Args:
        alone: let no other trial in; what is booted here is held alone in any case, since it ends with this one.
    """
    if profile.platform is None:
        yield Boot(None)
        return
    state = profile.platform.state
    with contextlib.suppress(FileExistsError):  # a file, which the lock then tells of
        state.mkdir(parents=True, exist_ok=True, mode=0o700)
    with held(state, profile.name, alone=alone) as lock:
        if is_up(profile):
            yield Boot(None, lock.descriptor)
            return
        lock.take(alone=True)
        with _up(profile, state) as seconds:
            yield Boot(seconds, lock.descriptor)


@contextmanager
def _up(profile: Profile, state: Path) -> Iterator[float]:
    """Boot, and take down; gives the seconds that it took to be up."""
    marker = state / _MARKER
    if marker.exists():
        _empty(state)
    ours = not any(state.iterdir())
    if ours:
        marker.touch()
    read_end, write_end = os.pipe()
    started, code = time.monotonic(), 0
    try:
        code = call(profile, "up", "--lifeline", str(read_end), lifeline=read_end)
        if code:
            raise EnvironmentFault(f"the platform did not come up (exit {code}); its lines above say why")
        os.environ[_LIFELINE] = f"/proc/{os.getpid()}/fd/{read_end}"
        yield time.monotonic() - started
    finally:
        os.environ.pop(_LIFELINE, None)
        os.close(read_end)
        if not code:  # else nothing of ours runs, and what does is somebody's own
            call(profile, "down")
        os.close(write_end)
        if ours:
            shutil.rmtree(state, ignore_errors=True)


def _empty(folder: Path) -> None:
    for path in folder.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
