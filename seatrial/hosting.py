"""Start and stop an environment through the command that its profile names."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from seatrial.errors import EnvironmentFault, UsageError
from seatrial.platform import PlatformClient
from seatrial.profile import PlatformSection, Profile


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
    program, *rest = section(profile).command
    command = [sys.executable if program == "python" else program, *rest, *arguments]
    keep = () if lifeline is None else (lifeline,)
    process = subprocess.Popen(command, cwd=profile.tree, pass_fds=keep, process_group=0)
    try:
        return process.wait()
    except KeyboardInterrupt:
        process.send_signal(signal.SIGINT)
        process.wait()
        raise


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
        yield Boot(time.monotonic() - started)
    finally:
        os.close(read_end)
        call(profile, "down")
        os.close(write_end)
        if ours:
            shutil.rmtree(state, ignore_errors=True)
