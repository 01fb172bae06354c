"""The lock of a state directory: held by guardian and supervisor, free when both are gone."""

import fcntl
import os
import time
from pathlib import Path

_POLL_S = 0.05


def take(path: Path) -> int | None:
    """Lock the file and give its descriptor; None when an instance holds it."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


def is_free(path: Path) -> bool:
    """Say whether no instance holds the lock."""
    if not path.exists():
        return True
    descriptor = take(path)
    if descriptor is None:
        return False
    os.close(descriptor)
    return True


def wait_free(path: Path, deadline_s: float) -> bool:
    """Wait until no instance holds the lock; gives whether that came true in time."""
    end = time.monotonic() + deadline_s
    while not is_free(path):
        if time.monotonic() > end:
            return False
        time.sleep(_POLL_S)
    return True
