"""A journal of the steps by which a trial touches the world, and a signal for whoever takes the one that a test names.

A test lets a journal begin, beside the state folder of its platform; without one nothing is noted and nobody killed. The
platform notes each call before and after it acts; of a command that is run by this file it notes each record in the undo log:

python journal.py STATE MODULE ARGUMENTS...
"""

import os
import runpy
import signal
import sys
from pathlib import Path
from typing import Any

UNDO_LOG = "undo.jsonl"


def begin(state: Path, kill_at: int | None = None, number: signal.Signals = signal.SIGKILL) -> None:
    """Note every step from now on, and send a signal to whoever takes the one at that place, counted from 0."""
    _file(state).with_suffix(".kill").write_text(f"{kill_at} {number}")
    _file(state).write_text("")


def end(state: Path) -> list[str]:
    """Note no more steps, and return those that were noted."""
    steps = _file(state).read_text().splitlines()
    _file(state).unlink()
    return steps


def step(state: Path, what: str, pid: int) -> bool:
    """Note a step that a process takes; say whether it was killed for it."""
    try:
        number = len(_file(state).read_text().splitlines())
    except FileNotFoundError:
        return False
    with _file(state).open("a") as file:
        file.write(f"{what}\n")
    kill_at, sent = _file(state).with_suffix(".kill").read_text().split()
    if kill_at != str(number):
        return False
    os.kill(pid, int(sent))
    return int(sent) == signal.SIGKILL


def _file(state: Path) -> Path:
    return state.with_name(f"{state.name}.journal")


def _watch(state: Path) -> None:
    """Before a file is opened Python tells whoever audits it: of the undo log, opened to add to it, that is a step."""

    def audit(event: str, told: tuple[Any, ...]) -> None:
        if event == "open" and str(told[0]) == str(state / UNDO_LOG) and told[2] & os.O_APPEND:
            step(state, "record in the undo log", os.getpid())

    sys.addaudithook(audit)


if __name__ == "__main__":
    _watch(Path(sys.argv[1]))
    module = sys.argv[2]
    sys.argv = sys.argv[2:]
    runpy.run_module(module, run_name="__main__", alter_sys=True)
