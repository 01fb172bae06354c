"""The lock of an environment: the state folder itself, since a file in it could be taken away under whoever holds it.

It belongs to the opened folder and falls with the last process that holds that, SIGKILL included; no process id is believed.
A stage of the gate inherits it, so that nobody comes in while a stage outlives its gate.
"""

import fcntl
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from seatrial.errors import UsageError


@dataclass(frozen=True)
class Lock:
    """A state folder that is held.

    Attributes:
        descriptor: of the opened folder, for processes that are to hold it too.
    """

    name: str
    state: Path
    descriptor: int

    def take(self, *, alone: bool) -> None:
        """Hold it alone, or together with others that do not hold it alone; raises UsageError, and holds nothing, if one does."""
        try:
            fcntl.flock(self.descriptor, (fcntl.LOCK_EX if alone else fcntl.LOCK_SH) | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UsageError(
                f"another trial is running on {self.name}: wait for it to end (a strike needs the environment for itself)"
            ) from None
        self.require_same()

    def require_held(self, *, alone: bool) -> None:
        """Raise UsageError unless the opened folder is locked so: the kernel says it of each descriptor (proc_pid_fdinfo(5))."""
        told = Path(f"/proc/self/fdinfo/{self.descriptor}").read_text()
        if not re.search(rf"FLOCK\s+ADVISORY\s+{'WRITE' if alone else '(READ|WRITE)'}", told):
            raise UsageError(f"the lock of {self.name} is not held by whoever started this")

    def require_same(self) -> None:
        """Raise UsageError unless what is held is the state folder, and not one that stood there before."""
        if not self.state.exists() or not os.path.samestat(os.fstat(self.descriptor), self.state.stat()):
            raise UsageError(f"this is not the state folder of {self.name}, or it was made anew just now: {self.state}")


@contextmanager
def held(state: Path, name: str, *, alone: bool, inherited: int | None = None) -> Iterator[Lock]:
    """Hold a state folder, or what a process above this one holds of it already.

    Raises UsageError when another trial holds it, or where it cannot be opened.

    Args:
        name: the environment's.
        inherited: the descriptor of a Lock of the process that started this one.
    """
    try:
        descriptor = os.open(state, os.O_RDONLY | os.O_DIRECTORY) if inherited is None else os.dup(inherited)
    except OSError as error:
        raise UsageError(f"the state folder of {name} cannot be held: {error.strerror} ({state})") from None
    lock = Lock(name, state, descriptor)
    try:
        if inherited is None:
            lock.take(alone=alone)
        else:
            lock.require_held(alone=alone)
        lock.require_same()
        yield lock
    finally:
        os.close(descriptor)
