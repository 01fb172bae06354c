"""FFmpeg and what it started never outlive the job: not a cancelled one, not one that takes too long."""

import asyncio
import contextlib
import os
import secrets
import signal
from pathlib import Path

import pytest

from system.worker.encoder import NVENC, X264, choose_encoder, find_ffmpeg, probe_encoder
from system.worker.errors import PipelineError
from system.worker.ffmpeg import run_ffmpeg
from tests.waiting import wait_for

from .worker_clips import FFMPEG, program

DEADLINE_S = 10.0


def alive(pid: int) -> bool:
    try:
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False


def pids_in(path: Path, count: int) -> list[int]:
    wait_for(lambda: path.exists() and len(path.read_text().split()) >= count, what=f"{count} pids in {path}")
    return [int(word) for word in path.read_text().split()]


def gone(pids: list[int]) -> None:
    wait_for(lambda: not any(alive(pid) for pid in pids), what=f"the end of {pids}")


def test_cancelling_kills_the_whole_group(tmp_path: Path) -> None:
    stuck = program(tmp_path / "ffmpeg", f"sleep 600 & echo $$ $! > {tmp_path}/pids; wait")

    async def scenario() -> None:
        task = asyncio.create_task(run_ffmpeg(stuck, (), timeout_s=600))
        pids = await asyncio.to_thread(pids_in, tmp_path / "pids", 2)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.to_thread(gone, pids)

    asyncio.run(scenario())


@pytest.mark.parametrize("turns", range(8))
def test_cancelling_while_it_is_being_started_kills_the_whole_group_too(tmp_path: Path, turns: int) -> None:
    nap = f"600.{secrets.randbelow(10**9):09}"
    stuck = program(tmp_path / "ffmpeg", f"sleep {nap} & wait")

    def running() -> list[str]:
        found = []
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                found += [text] if nap in (text := path.read_text()) or str(tmp_path) in text else []
        return found

    async def scenario() -> None:
        task = asyncio.create_task(run_ffmpeg(stuck, (), timeout_s=600))
        for _ in range(turns):
            await asyncio.sleep(0)
        if turns == 7:  # late enough for what it starts
            await asyncio.to_thread(wait_for, lambda: any(nap in each for each in running()), what="its child")
        task.cancel()
        done, _ = await asyncio.wait({task}, timeout=DEADLINE_S)
        assert done, "the cancelled task does not end"
        assert task.cancelled()
        await asyncio.to_thread(wait_for, lambda: not running(), what="the end of the group")

    asyncio.run(scenario())


def test_running_out_of_time_kills_it(tmp_path: Path) -> None:
    stuck = program(tmp_path / "ffmpeg", f"echo $$ > {tmp_path}/pids; exec sleep 600")

    with pytest.raises(TimeoutError):
        asyncio.run(run_ffmpeg(stuck, (), timeout_s=5))
    gone(pids_in(tmp_path / "pids", 1))


def test_the_kernel_kills_it_when_the_worker_dies(tmp_path: Path) -> None:
    stuck = program(tmp_path / "ffmpeg", f"echo $$ > {tmp_path}/pids; exec sleep 600")
    worker = os.fork()
    if worker == 0:
        try:
            asyncio.run(run_ffmpeg(stuck, (), timeout_s=600))
        finally:
            os._exit(0)

    try:
        pids = pids_in(tmp_path / "pids", 1)
    finally:
        os.kill(worker, signal.SIGKILL)
        os.waitpid(worker, 0)
    gone(pids)


def test_the_exit_carries_code_and_last_complaint(tmp_path: Path) -> None:
    failing = program(tmp_path / "ffmpeg", "echo first >&2; echo 'No space left on device' >&2; exit 228")
    ended = asyncio.run(run_ffmpeg(failing, (), timeout_s=10))

    assert ended.code == 228
    assert ended.reason == "FFmpeg ended with 228: No space left on device"


def test_a_flood_of_complaints_is_not_kept(tmp_path: Path) -> None:
    noisy = program(tmp_path / "ffmpeg", "i=0; while [ $i -lt 500 ]; do echo line $i >&2; i=$((i+1)); done; exit 1")
    ended = asyncio.run(run_ffmpeg(noisy, (), timeout_s=30))

    assert len(ended.errors) == 20
    assert ended.errors[-1] == "line 499"


def test_the_position_is_heard_in_seconds(tmp_path: Path) -> None:
    talking = program(tmp_path / "ffmpeg", "echo out_time_us=N/A; echo out_time_us=1500000; echo progress=end")
    heard: list[float] = []
    asyncio.run(run_ffmpeg(talking, (), timeout_s=10, on_position=heard.append))

    assert heard == [1.5]


def test_x264_proves_itself() -> None:
    assert asyncio.run(probe_encoder(FFMPEG, X264)) is None


def test_auto_takes_the_gpu_only_when_it_encodes(tmp_path: Path) -> None:
    without = program(
        tmp_path / "without", 'case "$*" in *nvenc*) echo "Cannot load libcuda.so.1" >&2; exit 255;; esac'
    )
    with_gpu = program(tmp_path / "with", "exit 0")

    encoder, refused = asyncio.run(choose_encoder(without, "auto"))
    assert encoder is X264
    assert [reason.partition(":")[0] for reason in refused] == ["nvenc"]
    assert asyncio.run(choose_encoder(with_gpu, "auto")) == (NVENC, [])


def test_a_required_gpu_that_is_missing_is_an_error_and_no_silent_fall_back(tmp_path: Path) -> None:
    without = program(tmp_path / "ffmpeg", "echo 'Cannot load libcuda.so.1' >&2; exit 255")

    with pytest.raises(PipelineError, match=r"nvenc: FFmpeg ended with 255: Cannot load libcuda\.so\.1"):
        asyncio.run(choose_encoder(without, "nvenc"))


def test_a_configured_ffmpeg_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(PipelineError, match="is not an executable file"):
        find_ffmpeg(str(tmp_path / "nowhere"))
