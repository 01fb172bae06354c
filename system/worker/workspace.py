"""Give each job a directory that is gone afterwards, whatever happened; sweep up what a killed worker left."""

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

__all__ = ["Workspace"]

PREFIX = "seatrial-worker-"


class Workspace:
    """Hold one locked directory for this process; the kernel drops the lock when the process dies."""

    def __init__(self, parent: Path | None = None) -> None:
        self.parent = parent or Path(tempfile.gettempdir())
        self.swept = self._sweep()
        self.root = Path(tempfile.mkdtemp(prefix=PREFIX, dir=self.parent))
        self._lock = _lock(self.root)

    @contextlib.contextmanager
    def directory(self, name: str) -> Iterator[Path]:
        """Make a directory for one job and remove it afterwards."""
        path = self.root / name
        path.mkdir()
        try:
            yield path
        finally:
            shutil.rmtree(path)

    def close(self) -> None:
        """Remove this process's directory."""
        shutil.rmtree(self.root)
        if self._lock is not None:
            os.close(self._lock)

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
