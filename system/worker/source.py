"""Look at an uploaded file before any of it is decoded, and say what keeps it from becoming a preview."""

import asyncio
import json
import math
import os
import signal
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from system.worker.errors import BadInputError, PipelineError

__all__ = ["Limits", "Source", "inspect_source", "require_not_too_long"]

WALL_LIMIT_S = 30


@dataclass(frozen=True)
class Limits:
    """What an upload may be at most; `least_side` keeps the scaled picture encodable.

    `max_pixels` is a frame of DCI 8K: what is larger takes seconds to decode, each of them. `max_work_pixels` bounds all frames
    together, an hour of 4K or four of Full HD at sixty a second, and `max_encode_s` what is more work than it says.
    """

    max_bytes: int = 5 << 30
    max_duration_s: float = 4 * 3600
    max_side: int = 8192
    max_pixels: int = 8192 * 4320
    max_work_pixels: float = 3840 * 2160 * 60 * 3600
    max_encode_s: float = 4 * 3600
    least_side: int = 16


@dataclass(frozen=True)
class Source:
    """The first video stream of an upload, and whether sound comes with it; a duration of 0 is unknown."""

    codec: str
    width: int
    height: int
    frames_per_s: float
    duration_s: float
    audio: bool

    def most_s(self, limits: Limits) -> float:
        """How long it may last."""
        pixels_per_s = self.width * self.height * self.frames_per_s
        return min(limits.max_duration_s, limits.max_work_pixels / pixels_per_s if pixels_per_s else math.inf)

    @property
    def work_pixels(self) -> float:
        """How much there is to decode, as far as the file tells."""
        return self.width * self.height * self.frames_per_s * self.duration_s


async def inspect_source(path: Path, limits: Limits) -> Source:
    """Describe the video file at `path`, or raise BadInputError with a reason that its owner understands."""
    size = (await asyncio.to_thread(path.stat)).st_size
    if size == 0:
        raise BadInputError("the file is empty")
    if size > limits.max_bytes:
        raise BadInputError(f"the file has {size} bytes; at most {limits.max_bytes} are accepted")
    answer = await _inspect_apart(path)
    if "error" in answer:
        raise BadInputError(str(answer["error"]))
    source = Source(**answer)
    if max(source.width, source.height) > limits.max_side or min(source.width, source.height) < limits.least_side:
        raise BadInputError(
            f"the picture is {source.width} x {source.height}; "
            f"each side must have {limits.least_side} to {limits.max_side} pixels"
        )
    if source.width * source.height > limits.max_pixels:
        raise BadInputError(
            f"the picture is {source.width} x {source.height}; at most {limits.max_pixels} pixels are accepted"
        )
    require_not_too_long(source, limits)
    return source


def require_not_too_long(source: Source, limits: Limits) -> None:
    """Raise BadInputError for a video that lasts too long, or too long for the size and number of its pictures."""
    if source.duration_s > limits.max_duration_s:
        raise BadInputError(
            f"the video lasts {source.duration_s:.0f} s; at most {limits.max_duration_s:.0f} s are accepted"
        )
    if source.work_pixels > limits.max_work_pixels:
        raise BadInputError(
            f"the video has {source.width} x {source.height} pixels, {source.frames_per_s:g} times a second for "
            f"{source.duration_s:.0f} s; together at most {limits.max_work_pixels:.3g} pixels are accepted"
        )


async def _inspect_apart(path: Path) -> dict[str, Any]:
    environment = {"PATH": os.environ.get("PATH", ""), "PYTHONPATH": os.pathsep.join(sys.path)}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-S", "-P", str(Path(__file__).with_name("describe.py")), str(path)),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=environment,
    )
    try:
        async with asyncio.timeout(WALL_LIMIT_S):  # Python 3.11's wait_for forgets a cancellation that meets the end
            stdout, stderr = await process.communicate()
    except TimeoutError:  # the machine's fault: a file that keeps its reader busy uses up the CPU first
        raise PipelineError(f"the file could not be understood within {WALL_LIMIT_S} s") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode in (-signal.SIGSEGV, -signal.SIGABRT, -signal.SIGFPE, -signal.SIGXCPU):
        raise BadInputError(f"the file breaks its reader ({signal.Signals(-process.returncode).name})")
    if process.returncode != 0:
        tail = stderr.decode(errors="replace").strip().splitlines()[-1:]
        raise PipelineError(f"inspection ended with {process.returncode}: {' '.join(tail)}")
    answer: dict[str, Any] = json.loads(stdout)
    return answer
