"""Run FFmpeg so that it can be watched, limited and ended."""

import asyncio
import contextlib
import ctypes
import os
import signal
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

PR_SET_PDEATHSIG = 1
STDERR_LINES = 20
_WATCHED = ("-hide_banner", "-nostdin", "-nostats", "-loglevel", "error", "-progress", "pipe:1", "-stats_period", "0.5")

_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True)
class FFmpegExit:
    """How an FFmpeg process ended; a negative code is the signal that ended it."""

    code: int
    errors: tuple[str, ...]

    @property
    def reason(self) -> str:
        """Return the exit code and the last thing FFmpeg complained about."""
        return f"FFmpeg ended with {self.code}: {self.errors[-1] if self.errors else 'it said nothing'}"


async def run_ffmpeg(
    ffmpeg: str,
    arguments: Sequence[str],
    *,
    timeout_s: float,
    on_position: Callable[[float], None] | None = None,
) -> FFmpegExit:
    """Run FFmpeg to its end; `on_position` hears how many seconds of output are written.

    The process has a group of its own. The whole group is killed when the caller is cancelled or the time is up
    (TimeoutError), and by the kernel when this process dies.
    """
    creating = asyncio.create_task(
        asyncio.create_subprocess_exec(
            ffmpeg,
            *_WATCHED,
            *arguments,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
            preexec_fn=_die_with_parent,
        )
    )
    errors: deque[str] = deque(maxlen=STDERR_LINES)
    try:
        # Cancelled in its middle, it kills the leader alone, and waits for pipes that the others of the group hold open.
        process = await asyncio.shield(creating)
        async with asyncio.timeout(timeout_s), asyncio.TaskGroup() as group:
            group.create_task(_read_progress(process.stdout, on_position))
            group.create_task(_read_errors(process.stderr, errors))
            code = group.create_task(process.wait())
    finally:
        process = await creating
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
    return FFmpegExit(code.result(), tuple(errors))


def _die_with_parent() -> None:
    # Runs between fork and exec, where little is safe: one system call, resolved before the fork.
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


async def _read_progress(stream: asyncio.StreamReader | None, on_position: Callable[[float], None] | None) -> None:
    if stream is None:
        return
    async for line in stream:
        key, _, value = line.decode(errors="replace").strip().partition("=")
        if key == "out_time_us" and on_position is not None and value.lstrip("-").isdigit():
            on_position(max(0.0, int(value) / 1_000_000))


async def _read_errors(stream: asyncio.StreamReader | None, errors: deque[str]) -> None:
    if stream is None:
        return
    while chunk := await stream.read(65536):
        errors.extend(line for line in chunk.decode(errors="replace").splitlines() if line.strip())
