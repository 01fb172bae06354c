"""Processes as /proc shows them: the tree below a process, signals to all of it, and the kernel's two life lines."""

import ctypes
import os
import signal
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_KILL_PAUSE_S = 0.02


@dataclass(frozen=True)
class Process:
    """One line of the process table.

    Attributes:
        pid: process id.
        ppid: id of its parent.
        state: one letter of /proc/PID/stat, `Z` for a zombie.
        command: the command line, or the name in brackets when it has none.
    """

    pid: int
    ppid: int
    state: str
    command: str


def become_subreaper() -> None:
    """Adopt every orphan among our descendants, so that none can slip away."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def die_with_parent(signum: signal.Signals) -> None:
    """Have the kernel send us `signum` when our parent dies; it does not reach our own children."""
    _prctl(_PR_SET_PDEATHSIG, signum)


def table() -> dict[int, Process]:
    """Read the process table, by pid."""
    found = {}
    for entry in os.scandir("/proc"):
        if entry.name.isdigit() and (process := find(int(entry.name))) is not None:
            found[process.pid] = process
    return found


def descendants(root: int) -> list[Process]:
    """List every process below `root`, parents before children, without `root`; zombies are left out."""
    processes = table()
    below: dict[int, list[Process]] = {}
    for process in processes.values():
        below.setdefault(process.ppid, []).append(process)
    found: list[Process] = []
    queue = [root]
    while queue:
        for process in below.get(queue.pop(0), []):
            queue.append(process.pid)
            if process.state != "Z":
                found.append(process)
    return found


def send(pids: Iterable[int], signum: signal.Signals) -> None:
    """Send a signal to each process that is still there."""
    for pid in pids:
        try:
            os.kill(pid, signum)
        except ProcessLookupError:
            continue  # it ended by itself, which is what was wanted


def kill_descendants() -> None:
    """Kill everything below us and reap it; returns when nothing is left, not even a zombie.

    One pass is not enough: a process may fork between our look and our signal. Only a subreaper may call this: all
    that is below it ends as its own child. A zombie left behind would still hold PostgreSQL's lock file.
    """
    while True:
        send((process.pid for process in descendants(os.getpid())), signal.SIGKILL)
        if not _reap_all():
            return
        time.sleep(_KILL_PAUSE_S)


def find(pid: int) -> Process | None:
    """Look one process up."""
    base = Path(f"/proc/{pid}")
    try:
        name, _, fields = (base / "stat").read_text(errors="replace").partition(" (")[2].rpartition(") ")
        command = (base / "cmdline").read_bytes().rstrip(b"\0").replace(b"\0", b" ").decode(errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    state, ppid = fields.split(" ", 2)[:2]
    return Process(pid, int(ppid), state, command or f"[{name}]")


def _reap_all() -> bool:
    """Take the exit codes that are there; gives whether children are left."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            continue
    except ChildProcessError:
        return False
    return True


def _prctl(option: int, value: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(option, ctypes.c_ulong(value), 0, 0, 0) != 0:
        code = ctypes.get_errno()
        raise OSError(code, f"prctl({option}): {os.strerror(code)}")
