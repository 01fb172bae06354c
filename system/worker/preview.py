"""Turn one source file into a preview and a poster, and prove both before anyone sees them."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import av
import av.error

from system.worker.describe import FORMATS
from system.worker.encoder import Encoder
from system.worker.errors import BadInputError, PipelineError
from system.worker.ffmpeg import FFmpegExit, run_ffmpeg
from system.worker.source import Limits, Source, inspect_source, require_not_too_long

HEIGHT = 720
MAX_FRAMES_PER_S = 60
POSTER_AT_S = 1.0
# FFmpeg's words for a file whose content is at fault; anything else may be the machine's and is tried again.
BAD_CONTENT = ("Invalid data found", "moov atom not found", "could not find codec parameters", "Decoder not found")


@dataclass(frozen=True)
class Preview:
    """The two finished files and what the preview is."""

    video: Path
    poster: Path
    width: int
    height: int
    duration_s: float


async def make_preview(
    ffmpeg: str,
    encoder: Encoder,
    source_path: Path,
    directory: Path,
    *,
    limits: Limits,
    on_progress: Callable[[int], None] | None = None,
) -> Preview:
    """Write preview.mp4 and poster.jpg for `source_path` into `directory`.

    `on_progress` hears 0 to 99. Raises BadInputError for a file that can never work, PipelineError for what another
    attempt may survive.
    """
    source = await inspect_source(source_path, limits)
    video, poster = directory / "preview.mp4", directory / "poster.jpg"

    def on_position(position_s: float) -> None:
        if on_progress is not None and source.duration_s:
            on_progress(min(99, int(100 * position_s / source.duration_s)))

    encode = preview_arguments(encoder, source, limits, source_path=source_path, video=video)
    timeout_s = 120 + 10 * source.duration_s if source.duration_s else limits.max_encode_s
    try:
        async with asyncio.timeout(limits.max_encode_s):
            await _run(ffmpeg, encode, timeout_s=timeout_s, on_position=on_position)
    except TimeoutError:  # however long it is: another attempt would hold a worker for as long
        raise BadInputError(f"the video cannot be converted within {limits.max_encode_s:.0f} s") from None
    width, height, duration_s = await asyncio.to_thread(_proven, source, video)
    require_not_too_long(replace(source, duration_s=source.duration_s or duration_s), limits)
    # From the preview, not beside it: a second output of the first run costs a tenth of it in copied frames.
    await _run(ffmpeg, poster_arguments(video, poster, duration_s), timeout_s=60)
    if not await asyncio.to_thread(poster.is_file):
        raise PipelineError("FFmpeg wrote no poster")
    return Preview(video, poster, width, height, duration_s)


def preview_arguments(
    encoder: Encoder, source: Source, limits: Limits, *, source_path: Path, video: Path
) -> tuple[str, ...]:
    """Return the FFmpeg arguments that write the preview."""
    rate = f"fps={MAX_FRAMES_PER_S}," if source.frames_per_s > MAX_FRAMES_PER_S else ""
    picture = f"{rate}scale=w=-2:h='min({HEIGHT},trunc(ih/2)*2)':out_range=tv,format=yuv420p"
    # A second more than a video may last that does not say how long it is: the preview tells then that it is too long.
    ends = () if source.duration_s else ("-t", f"{source.most_s(limits) + 1:.3f}")
    return (
        *("-protocol_whitelist", "file", "-format_whitelist", FORMATS, "-max_pixels", str(limits.max_pixels)),
        *("-i", f"file:{source_path}", "-map", "0:v:0", "-map", "0:a:0?", "-sn", "-dn"),
        *("-map_metadata", "-1", "-map_chapters", "-1", "-vf", picture, *encoder.arguments, "-profile:v", "high"),
        *("-c:a", "aac", "-b:a", "128k", "-ac", "2", "-movflags", "+faststart", "-f", "mp4", "-y"),
        *(*ends, f"file:{video}"),
    )


def poster_arguments(video: Path, poster: Path, duration_s: float) -> tuple[str, ...]:
    """Return the FFmpeg arguments that take one frame of the preview, a second in where it is long enough."""
    at_s = POSTER_AT_S if duration_s >= 2 * POSTER_AT_S else 0.0
    return (
        *("-ss", str(at_s), "-i", f"file:{video}", "-an", "-frames:v", "1", "-pix_fmt", "yuvj420p", "-q:v", "3"),
        *("-f", "image2", "-update", "1", "-y", f"file:{poster}"),
    )


async def _run(
    ffmpeg: str, arguments: tuple[str, ...], *, timeout_s: float, on_position: Callable[[float], None] | None = None
) -> None:
    try:
        ended = await run_ffmpeg(ffmpeg, arguments, timeout_s=timeout_s, on_position=on_position)
    except TimeoutError:
        raise PipelineError(f"FFmpeg did not finish within {timeout_s:.0f} s") from None
    if ended.code != 0:
        raise _fault_of(ended)


def _fault_of(ended: FFmpegExit) -> Exception:
    complaint = next((line for line in ended.errors if any(words in line for words in BAD_CONTENT)), None)
    if ended.code > 0 and complaint is not None:
        return BadInputError(f"the video cannot be decoded ({complaint.rpartition('] ')[2]})")
    return PipelineError(ended.reason)


def _proven(source: Source, video: Path) -> tuple[int, int, float]:
    """Return width, height and duration of a preview that is what it must be."""
    try:
        with av.open(str(video)) as container:
            duration_s = (container.duration or 0) / 1_000_000
            if not container.streams.video or duration_s <= 0:
                raise BadInputError("the video holds no picture that can be decoded")
            context = container.streams.video[0].codec_context
            width, height = context.width, context.height
            found = (context.name, context.pix_fmt)
    except av.error.FFmpegError as error:
        raise PipelineError(f"FFmpeg wrote a preview that cannot be read: {error}") from error
    if found != ("h264", "yuv420p") or height > HEIGHT or width % 2 or height % 2:
        raise PipelineError(f"FFmpeg wrote an unexpected preview: {found}, {width} x {height}")
    if source.duration_s - duration_s > max(1.0, 0.05 * source.duration_s):
        raise BadInputError(
            f"the file is cut short: it announces {source.duration_s:.1f} s of video and holds {duration_s:.1f} s"
        )
    return width, height, duration_s
