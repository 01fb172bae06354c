"""Nothing of a job stays on the disk: not of a failed one, not of a killed worker."""

import errno
import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from system.worker import workspace as module
from system.worker.errors import BadInputError, DiskFullError, PipelineError
from system.worker.workspace import Workspace


def test_a_job_directory_is_gone_after_success_and_after_failure(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    with workspace.directory("good") as good:
        (good / "source").write_bytes(b"x")

    def fail() -> None:
        with workspace.directory("bad") as bad:
            (bad / "source").write_bytes(b"x")
            raise RuntimeError("as jobs do")

    with pytest.raises(RuntimeError, match="as jobs do"):
        fail()
    assert list(workspace.root.iterdir()) == []
    workspace.close()


def attempt(workspace: Workspace, failure: Exception) -> None:
    with workspace.directory("job") as directory:
        (directory / "source").write_bytes(b"x")
        raise failure


def test_what_the_disk_refuses_is_the_disks_fault(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    with pytest.raises(DiskFullError, match="the disk is full"):
        attempt(workspace, OSError(errno.ENOSPC, "No space left on device"))
    with pytest.raises(FileNotFoundError):
        attempt(workspace, FileNotFoundError(errno.ENOENT, "No such file or directory"))
    assert list(workspace.root.iterdir()) == []
    workspace.close()


@pytest.mark.parametrize("failure", [PipelineError("FFmpeg ended with 1"), BadInputError("the file is cut short")])
def test_nothing_that_goes_wrong_on_a_full_disk_is_the_jobs_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failure: Exception
) -> None:
    workspace = Workspace(tmp_path)
    with pytest.raises(type(failure)):
        attempt(workspace, failure)
    monkeypatch.setattr(module, "LEAST_FREE_BYTES", 1 << 60)
    with pytest.raises(DiskFullError, match=str(failure)):
        attempt(workspace, failure)
    assert list(workspace.root.iterdir()) == []
    workspace.close()


@pytest.mark.parametrize("failure", [OSError(errno.ENOSPC, "No space left on device"), PipelineError("FFmpeg ended")])
def test_a_job_whose_own_files_fill_the_disk_is_one_failed_attempt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failure: Exception
) -> None:
    workspace = Workspace(tmp_path)
    monkeypatch.setattr(module, "LEAST_FREE_BYTES", 1 << 60)
    workspace._disk_bytes = 1
    with pytest.raises(PipelineError, match="too large for the disk"):
        attempt(workspace, failure)
    assert list(workspace.root.iterdir()) == []
    workspace.close()


def test_closing_leaves_nothing(tmp_path: Path) -> None:
    Workspace(tmp_path).close()

    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_worker_left_is_swept(tmp_path: Path) -> None:
    child = os.fork()
    if child == 0:
        try:
            left = Workspace(tmp_path).root / "job"
            left.mkdir()
            (left / "source").write_bytes(b"x")
        finally:
            os._exit(9)
    os.waitpid(child, 0)
    assert len(list(tmp_path.iterdir())) == 1

    workspace = Workspace(tmp_path)

    assert workspace.swept == 1
    assert list(tmp_path.iterdir()) == [workspace.root]
    workspace.close()


def test_a_living_worker_keeps_its_directory(tmp_path: Path) -> None:
    living = Workspace(tmp_path)
    other = Workspace(tmp_path)

    assert other.swept == 0
    assert living.root.is_dir()
    other.close()
    living.close()


def test_a_disk_that_was_made_smaller_is_full_and_no_job_too_large_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = Workspace(tmp_path)
    smaller = SimpleNamespace(f_blocks=1, f_frsize=1, f_bavail=0)
    monkeypatch.setattr("os.statvfs", lambda _: smaller)
    with pytest.raises(DiskFullError):
        attempt(workspace, PipelineError("FFmpeg ended"))
    workspace.close()
