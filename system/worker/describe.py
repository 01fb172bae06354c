"""Describe a media file, as a program: `python describe.py FILE` prints one line of JSON.

The file is hostile until proven otherwise and libav is C: a crash or a memory bomb in here must not take the worker
along. So this runs in a process of its own, which limits itself first. It imports little, since it starts for each job.
"""

import json
import resource
import sys
from fractions import Fraction
from typing import Any

import av
import av.error

__all__ = ["FORMATS", "describe", "main"]

# Containers that hold media themselves. Playlists (hls, dash, concat) are left out: they name other files to read.
FORMATS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,flv,asf,ogg,mxf"
MEMORY_LIMIT_BYTES = 2 << 30
CPU_LIMIT_S = 20


def describe(path: str) -> dict[str, Any]:
    """Open the container and return the fields of Source, or {"error": reason}; a duration of 0 is unknown."""
    options = {"protocol_whitelist": "file", "format_whitelist": FORMATS}
    try:
        with av.open(path, options=options) as container:
            if not container.streams.video:
                return {"error": "the file holds no video"}
            stream = container.streams.video[0]
            if not stream.codec_context.width or not stream.codec_context.height:
                return {"error": "the video's picture size is unknown"}
            picture_s = _seconds(stream.duration, stream.time_base)
            sounds = container.streams.audio
            sound_s = _seconds(sounds[0].duration, sounds[0].time_base) if sounds else 0.0
            whole_s = _seconds(container.duration, Fraction(1, 1_000_000))
            return {
                "codec": stream.codec_context.name,
                "width": stream.codec_context.width,
                "height": stream.codec_context.height,
                "frames_per_s": float(stream.average_rate or 0),
                "duration_s": max(picture_s, sound_s) if picture_s else whole_s,
                "audio": bool(sounds),
            }
    except av.error.FFmpegError as error:
        return {"error": f"the file is not a video that can be read ({error.strerror or error})"}


def _seconds(duration: int | None, unit: Fraction | None) -> float:
    return float(duration * unit) if duration and unit else 0.0


def main() -> None:
    """Limit this process, then print the description of the file named on the command line."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_LIMIT_BYTES, MEMORY_LIMIT_BYTES))
    # At the soft limit comes SIGXCPU, by which the file is known to be at fault; at the hard one SIGKILL, which says nothing.
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_LIMIT_S, CPU_LIMIT_S + 2))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        answer = describe(sys.argv[1])
    except MemoryError:
        answer = {"error": "the file needs more memory than any video does"}
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
