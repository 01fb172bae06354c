"""Files that can never become a preview, made when they are needed, and what their owner must be told of each."""

import io
import subprocess
import zipfile
from dataclasses import dataclass
from pathlib import Path

import imageio_ffmpeg

from seatrial import Invalid
from suites.client import generated_clip
from suites.client.clips import GENERATED

BOMB_BYTES = 64 << 20
PLAYLIST = b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile:///etc/hostname\n#EXT-X-ENDLIST\n"
_H264 = ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p")
_WORK = (
    "color=size=3840x2160:rate=240,setpts=N*3600/TB"  # announces an hour of 4K at 240 frames a second, and holds two
)


@dataclass(frozen=True)
class Bad:
    """One bad file; `told` are words of the reason that its owner must get."""

    name: str
    content: bytes
    told: str


def bad_files() -> list[Bad]:
    """Return one file of every kind.

    Raises Invalid when FFmpeg cannot make one: then nothing can be measured.
    """
    return [
        Bad("empty", b"", "empty"),
        Bad("cut short", _cut(), "cut short"),
        Bad("zip bomb", _zip_bomb(), "not a video"),
        Bad("picture", _made("one.png", "color=size=64x64", "-frames:v", "1"), "not a video"),
        Bad("sound only", _made("sound.m4a", "sine=duration=1"), "no video"),
        Bad("playlist of other files", PLAYLIST, "not a video"),
        Bad("too wide", _made("wide.mp4", "color=size=16000x64:rate=1:duration=1", *_H264), "16000 x 64"),
        Bad("too many pixels", _made("vast.mp4", "color=size=8192x4352:rate=1:duration=1", *_H264), "8192 x 4352"),
        Bad("too long", _made("long.mp4", "color=size=64x64:rate=1/3600:duration=18000", *_H264), "lasts"),
        Bad(
            "too much work",
            _made("work.mkv", _WORK, "-frames:v", "2", *_H264, "-fps_mode", "passthrough"),
            "together at most",
        ),
    ]


def _cut() -> bytes:
    """Return the first two fifths of a clip whose index stands in front, and so announces all of it."""
    whole = generated_clip(seed=3, width=320, height=240, frames_per_s=10).path
    content = _made("front.mp4", "", "-i", str(whole), "-c", "copy", "-movflags", "+faststart")
    return content[: len(content) * 2 // 5]


def _zip_bomb() -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("video.mp4", bytes(BOMB_BYTES))
    return packed.getvalue()


def _made(name: str, source: str, *arguments: str) -> bytes:
    """Return what FFmpeg makes of a lavfi source; made once."""
    path = GENERATED / f"bad-{name}"
    if not path.is_file():
        GENERATED.mkdir(parents=True, exist_ok=True)
        making = path.with_name(f".making-{path.name}")
        _run(*(("-f", "lavfi", "-i", source) if source else ()), *arguments, str(making))
        making.rename(path)
    return path.read_bytes()


def _run(*arguments: str) -> None:
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-hide_banner", "-nostdin", "-loglevel", "error", "-y", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    if done.returncode or not Path(arguments[-1]).is_file():
        raise Invalid(f"{Path(arguments[-1]).name} could not be made: {done.stderr.strip()[-300:]}")
