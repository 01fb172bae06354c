"""Ask a directory for room by writing to it: no figure tells of quotas, inodes and rights."""

import errno
import os
import tempfile
from pathlib import Path

__all__ = ["NO_ROOM", "PREFIX", "require_room"]

# What the kernel calls a disk, or a share of one, that takes nothing more.
NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT})
PREFIX = ".room-"
PAGE = bytes(4096)


def require_room(directory: Path, least_bytes: int = 0) -> None:
    """Raise OSError unless a file can be written to the directory, and `least_bytes` are free there."""
    found = os.statvfs(directory)
    free_bytes = found.f_bavail * found.f_frsize
    if free_bytes < least_bytes:
        raise OSError(errno.ENOSPC, f"{free_bytes} bytes are free, {least_bytes} are needed", str(directory))
    descriptor, name = tempfile.mkstemp(prefix=PREFIX, dir=directory)
    try:
        os.write(descriptor, PAGE)
    finally:
        os.close(descriptor)
        Path(name).unlink()
