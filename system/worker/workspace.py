"""Give each job a directory that is gone afterwards, whatever happened; sweep up what a killed worker left.

Nothing that goes wrong on a full disk is a job's fault, unless its own files fill the disk.
"""

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from system.common.disk import NO_ROOM, require_room
from system.worker.errors import BadInputError, DiskFullError, PipelineError

__all__ = ["Workspace"]

PREFIX = "seatrial-worker-"
LEAST_FREE_BYTES = 16 << 20  # with less than that no job is begun
LARGEST_SHARE = 0.9  # of the disk: a job that has had so much will hardly ever have more


class Workspace:
    """Hold one locked directory for this process; the kernel drops the lock when the process dies."""

    def __init__(self, parent: Path | None = None) -> None:
        self.parent = parent or Path(tempfile.gettempdir())
        self.swept = self._sweep()
        self.root = Path(tempfile.mkdtemp(prefix=PREFIX, dir=self.parent))
        self._lock = _lock(self.root)
        found = os.statvfs(self.root)
        self._disk_bytes = found.f_blocks * found.f_frsize  # as it is now: a disk may be filled by making it smaller

    @contextlib.contextmanager
    def directory(self, name: str) -> Iterator[Path]:
        """Make a directory for one job and remove it afterwards.

        Raises DiskFullError for whatever goes wrong while the disk is full, also where it does not name the disk: a
        program that could not write all of a file, or read too little back, says many things. Where it is the job's own files
        that fill it, PipelineError: another attempt may have a larger disk.
        """
        path = self.root / name
        try:
            path.mkdir()
            yield path
        except (OSError, PipelineError, BadInputError) as error:
            if (full := self._full(error)) is None:
                raise
            if sum(file.stat().st_size for file in path.glob("*")) > LARGEST_SHARE * self._disk_bytes:
                raise PipelineError(f"the job is too large for the disk: {full}") from error
            raise DiskFullError(f"the disk is full: {full}") from error
        finally:
            if path.exists():
                shutil.rmtree(path)

    def require_room(self) -> None:
        """Raise OSError unless there is room to begin a job."""
        require_room(self.root, LEAST_FREE_BYTES)

    def close(self) -> None:
        """Remove this process's directory."""
        shutil.rmtree(self.root)
        if self._lock is not None:
            os.close(self._lock)

    def _full(self, failure: Exception) -> str | None:
        """Say what tells that the disk is full, None while it is not."""
        if isinstance(failure, OSError) and failure.errno in NO_ROOM:
            return str(failure)
        try:
            self.require_room()
        except OSError as error:
            return f"{error}; {failure}"
        return None

    def _sweep(self) -> int:
        swept = 0
        for path in self.parent.glob(f"{PREFIX}*"):
            if path.stat().st_uid != os.getuid():
                continue
            lock = _lock(path)
            if lock is not None:
                shutil.rmtree(path, ignore_errors=True)  # another worker may be sweeping the same leftovers
                os.close(lock)
                swept += 1
        return swept


def _lock(directory: Path) -> int | None:
    try:
        descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor
