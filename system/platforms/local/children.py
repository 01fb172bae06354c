"""Children of the supervisor: start them without a shell, reap everything, and know how each one ended.

The supervisor is a subreaper, therefore it waits for any child (`waitpid(-1)`), as an init does; nothing else in its
process may wait for children.
"""

import asyncio
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from system.platforms.local import processes
from system.platforms.local.errors import PartFailed

_ORPHAN_POLL_S = 0.01


@dataclass(frozen=True)
class Command:
    """What to run.

    Attributes:
        argv: program and arguments.
        environment: the whole environment; nothing is inherited.
        directory: working directory.
    """

    argv: Sequence[str | Path]
    environment: Mapping[str, str]
    directory: Path


@dataclass
class Child:
    """A started program.

    Attributes:
        pid: process id, also the id of its process group and session.
        exited: ends with the exit code, negative for a signal.
    """

    pid: int
    exited: "asyncio.Future[int]"
    _handle: "subprocess.Popen[bytes]" = field(repr=False)


class Children:
    """All children of this process. Made inside of the running loop, once."""

    def __init__(self) -> None:
        self._children: dict[int, Child] = {}
        self._loop = asyncio.get_running_loop()
        self._loop.add_signal_handler(signal.SIGCHLD, self._reap)

    def spawn(self, command: Command, log: Path, *, stdin: bytes = b"", dies_by: str = "KILL") -> Child:
        """Start a program in a session of its own, its output appended to `log`.

        `setpriv` arms the parent-death signal after the fork without running any Python there; a program that changes
        its credentials, as PostgreSQL in its user namespace, has to arm it in its own command (`dies_by=""`).
        """
        prefix = ["setpriv", f"--pdeathsig={dies_by}", "--"] if dies_by else []
        with log.open("ab") as output:
            handle = subprocess.Popen(
                [*prefix, *map(str, command.argv)],
                stdin=subprocess.PIPE if stdin else subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=dict(command.environment),
                cwd=command.directory,
                start_new_session=True,
            )
        if handle.stdin is not None:
            handle.stdin.write(stdin)  # far below a pipe's buffer: never blocks
            handle.stdin.close()
        child = Child(handle.pid, self._loop.create_future(), handle)
        self._children[child.pid] = child
        return child

    async def run(self, name: str, command: Command, log: Path, *, stdin: bytes = b"", deadline_s: float = 60.0) -> str:
        """Run a program to its end and give what it printed; raises PartFailed when it fails."""
        before = _size(log)
        child = self.spawn(command, log, stdin=stdin)
        try:
            async with asyncio.timeout(deadline_s):  # Python 3.11's wait_for forgets a cancellation that meets the end
                code = await asyncio.shield(child.exited)
        except TimeoutError:
            raise PartFailed(name, f"not finished after {deadline_s:g} s") from None
        finally:
            if not child.exited.done():
                processes.send([child.pid], signal.SIGKILL)
                await child.exited
        with log.open("rb") as output:
            output.seek(before)
            text = output.read().decode(errors="replace")
        if code != 0:
            last = text.strip().splitlines()[-1:] or ["it printed nothing"]
            raise PartFailed(name, f"exit code {code}: {last[0]}")
        return text

    async def kill_orphans(self) -> None:
        """Kill what a dead part has left behind: every child of ours that we did not start ourselves."""
        while True:
            mine = [each for each in processes.table().values() if each.ppid == os.getpid() and each.state != "Z"]
            orphans = [each.pid for each in mine if each.pid not in self._children]
            if not orphans:
                return
            processes.send(orphans, signal.SIGKILL)
            await asyncio.sleep(_ORPHAN_POLL_S)

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            child = self._children.pop(pid, None)
            if child is not None:
                code = os.waitstatus_to_exitcode(status)
                child._handle.returncode = code  # noqa: SLF001 - ours; keeps Popen from waiting again
                if not child.exited.done():
                    child.exited.set_result(code)


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
