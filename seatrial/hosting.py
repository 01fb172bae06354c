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

from seatrial.errors import EnvironmentFault, UsageError
from seatrial.platform import PlatformClient
from seatrial.profile import PlatformSection, Profile
from seatrial.scope import Places

# Where a process that was started below `booted` finds the lifeline of what was booted there.
_LIFELINE = "SEATRIAL_LIFELINE"


@dataclass(frozen=True)
class Boot:
    """How an environment came to be up: `seconds` is None when it was up already."""

    seconds: float | None


def section(profile: Profile) -> PlatformSection:
    """Return the profile's platform; raises UsageError where the harness cannot start or stop the environment."""
    if profile.platform is None:
        raise UsageError(
            f"{profile.path}: the profile names no [platform], so this environment is not ours to start or stop"
        )
    return profile.platform


def is_up(profile: Profile) -> bool:
    """Tell whether the control interface answers."""
    platform = section(profile)
    try:
        PlatformClient(platform.socket).status()
    except EnvironmentFault:
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
def booted(profile: Profile) -> Iterator[Boot]:
    """Give an environment that is up: as found, or booted here and taken down afterwards.

    What is booted here lives in an empty state folder, holds a lifeline to this process (so that its death by SIGKILL takes
    everything along) and leaves no state behind. A state folder that somebody made with `seatrial up` is kept.
    """
    if profile.platform is None or is_up(profile):
        yield Boot(None)
        return
    state = profile.platform.state
    marker = state / "booted-by-gate"
    if marker.exists():
        shutil.rmtree(state)
    ours = not state.exists()
    if ours:
        state.mkdir(parents=True, mode=0o700)
        marker.touch()
    read_end, write_end = os.pipe()
    started = time.monotonic()
    try:
        code = call(profile, "up", "--lifeline", str(read_end), lifeline=read_end)
        if code:
            raise EnvironmentFault(f"the platform did not come up (exit {code}); its lines above say why")
        os.environ[_LIFELINE] = f"/proc/{os.getpid()}/fd/{read_end}"
        yield Boot(time.monotonic() - started)
    finally:
        os.environ.pop(_LIFELINE, None)
        os.close(read_end)
        call(profile, "down")
        os.close(write_end)
        if ours:
            shutil.rmtree(state, ignore_errors=True)
