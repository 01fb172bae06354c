"""What makes the noise, in a process of its own: python _maker.py cpu|disk FOLDER.

It ends when its standard input closes. What goes to the disk is bounded twice: the file, which has no name, is written over and over,
and so much a second at most.
"""

import os
import select
import sys
import tempfile
import time
from pathlib import Path

FILE_BYTES, BLOCK_BYTES, BYTES_PER_S = 64 << 20, 1 << 20, 32 << 20
STEPS = 50_000


def over(wait_s: float = 0.0) -> bool:
    """Tell whether nobody holds the other end any more, after so long at most."""
    return bool(select.select([sys.stdin], [], [], wait_s)[0])


def burn() -> None:
    """Keep one core busy."""
    while not over():
        for _ in range(STEPS):
            pass


def write(folder: Path) -> None:
    """Keep the disk below a folder busy, each block until it is there."""
    block, written, began_s = os.urandom(BLOCK_BYTES), 0, time.monotonic()
    with tempfile.TemporaryFile(dir=folder) as file:
        while not over(max(0.0, began_s + written / BYTES_PER_S - time.monotonic())):
            os.pwrite(file.fileno(), block, written % FILE_BYTES)
            os.fsync(file.fileno())
            written += len(block)


if __name__ == "__main__":
    burn() if sys.argv[1] == "cpu" else write(Path(sys.argv[2]))
