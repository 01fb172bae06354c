"""What a finished preview is, and whether its pictures are those of the source."""

import io
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction

import av
import av.error

from seatrial import Failure

THUMB = (32, 18)


@dataclass(frozen=True)
class Video:
    """The first video stream of a file; `audio` is the first sound track's codec, None without one, `told` what the file says of itself."""

    codec: str
    pixels: str
    width: int
    height: int
    duration_s: float
    audio: str | None
    told: Mapping[str, str]


def inspect(content: bytes, what: str) -> Video:
    """Describe a video file; raises Failure when it is none."""
    try:
        with av.open(io.BytesIO(content), "r") as container:
            if not container.streams.video:
                raise Failure(f"{what} with a picture", "no video stream", "worker")
            stream = container.streams.video[0]
            context = stream.codec_context
            sound = container.streams.audio[0].codec_context.name if container.streams.audio else None
            duration_s = float((stream.duration or 0) * (stream.time_base or Fraction(0)))
            size = (context.width, context.height)
            return Video(context.name, context.pix_fmt or "", *size, duration_s, sound, dict(container.metadata))
    except av.error.FFmpegError as error:
        raise Failure(f"{what} that can be played", f"{type(error).__name__}: {error}", "worker") from None


def picture_size(content: bytes, what: str) -> tuple[int, int]:
    """Return width and height of a still picture that decodes as JPEG; raises Failure when it does not."""
    if content[:2] != b"\xff\xd8":
        raise Failure(f"{what} as JPEG", f"bytes {content[:4].hex()}", "worker")
    for _, frame in _frames(content, what):
        return frame.width, frame.height
    raise Failure(f"{what} with a picture", "none", "worker")


def thumbnails(content: bytes, what: str) -> list[tuple[float, bytes]]:
    """Return (seconds, grey thumbnail of 32 x 18) of every frame in order; seconds count from the first frame."""
    found: list[tuple[float, bytes]] = []
    start = None
    for seconds, frame in _frames(content, what):
        start = seconds if start is None else start
        found.append((seconds - start, _thumbnail(frame)))
    if not found:
        raise Failure(f"{what} with frames", "none", "worker")
    return found


def at(frames: list[tuple[float, bytes]], seconds: float) -> bytes:
    """Return the thumbnail that is nearest in time."""
    return min(frames, key=lambda each: abs(each[0] - seconds))[1]


def difference(one: bytes, other: bytes) -> float:
    """Return the mean absolute difference of two thumbnails, 0 to 255 grey levels."""
    return sum(abs(a - b) for a, b in zip(one, other, strict=True)) / len(one)


def upside_down(thumbnail: bytes) -> bytes:
    """Return the picture turned by 180 degrees."""
    return thumbnail[::-1]


def boxes(content: bytes) -> Iterator[str]:
    """Return the types of the top-level boxes of an ISO base media file (ISO/IEC 14496-12, 4.2) in order."""
    at_byte = 0
    while at_byte + 8 <= len(content):
        size, kind = struct.unpack_from(">I4s", content, at_byte)
        if size == 1 and at_byte + 16 <= len(content):
            (size,) = struct.unpack_from(">Q", content, at_byte + 8)
        yield kind.decode("latin-1")
        if size < 8:
            return
        at_byte += size


def _frames(content: bytes, what: str) -> Iterator[tuple[float, av.VideoFrame]]:
    try:
        with av.open(io.BytesIO(content), "r") as container:
            for frame in container.decode(video=0):
                yield float(frame.time or 0.0), frame
    except av.error.FFmpegError as error:
        raise Failure(f"{what} that decodes", f"{type(error).__name__}: {error}", "worker") from None


def _thumbnail(frame: av.VideoFrame) -> bytes:
    width, height = THUMB
    plane = frame.reformat(width=width, height=height, format="gray", interpolation="AREA").planes[0]
    data = bytes(plane)
    return b"".join(data[row * plane.line_size : row * plane.line_size + width] for row in range(height))
