"""A directory is asked for room without leaving anything in it."""

import errno
import os
from pathlib import Path

import pytest

from system.common.disk import require_room


def test_a_directory_with_room_is_as_before(tmp_path: Path) -> None:
    require_room(tmp_path, 4096)
    assert list(tmp_path.iterdir()) == []


def test_too_little_room_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="bytes are free") as refused:
        require_room(tmp_path, 1 << 60)
    assert refused.value.errno == errno.ENOSPC


def test_a_write_that_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_descriptor: int, _data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(OSError, match="No space left on device"):
        require_room(tmp_path)
    assert list(tmp_path.iterdir()) == []
