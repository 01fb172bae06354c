"""Noise beside a trial, from children of ours: a core that is busy, a disk that is kept waiting.

A maker lives as long as the pipe to its standard input, so that it ends with us, however we end.
"""

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from seatrial.errors import Invalid

_MAKER = Path(__file__).with_name("_maker.py")
_ENDED_S = 5.0


@dataclass(frozen=True)
class Maker:
    """A child that makes noise."""

    kind: str
    process: "subprocess.Popen[bytes]"
    began_s: float

    def made(self) -> dict[str, float]:
        """Return what it came to, by the kernel's account; Invalid where that is nothing, or it has ended."""
        if (code := self.process.poll()) is not None:
            raise Invalid(f"noise {self.kind} ended by itself (exit {code})")
        account, unit = _ACCOUNTS[self.kind]
        if not (used := account(self.process.pid)):
            raise Invalid(f"noise {self.kind} came to nothing, by the kernel's account")
        return {unit: round(used / (time.monotonic() - self.began_s), 2)}


@contextlib.contextmanager
def noisy(kinds: Iterable[str], folder: Path) -> Iterator[Callable[[], dict[str, dict[str, float]]]]:
    """Make noise meanwhile; what is given tells what was made so far.

    Args:
        kinds: "cpu" (one core is busy) and "disk" (a file is written and synced, over and over).
        folder: on the file system whose disk is to be kept waiting.
    """
    with contextlib.ExitStack() as ending:
        makers = [ending.enter_context(_started(kind, folder)) for kind in kinds]
        yield lambda: {maker.kind: maker.made() for maker in makers}


@contextlib.contextmanager
def _started(kind: str, folder: Path) -> Iterator[Maker]:
    command = [sys.executable, "-I", str(_MAKER), kind, str(folder)]
    # A group of its own: the terminal's Ctrl-C ends a round first, and then its noise.
    process = subprocess.Popen(command, stdin=subprocess.PIPE, process_group=0)
    try:
        yield Maker(kind, process, time.monotonic())
    finally:
        assert process.stdin is not None  # noqa: S101 - it was asked for
        process.stdin.close()
        try:
            process.wait(_ENDED_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _disk_mb(pid: int) -> float:
    lines = dict(line.split(": ") for line in Path(f"/proc/{pid}/io").read_text().splitlines())
    return int(lines["write_bytes"]) / 1e6


_ACCOUNTS: Mapping[str, tuple[Callable[[int], float], str]] = {
    "cpu": (_cpu_s, "cores"),
    "disk": (_disk_mb, "MB a second"),
}
