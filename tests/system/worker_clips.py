"""Small clips for the worker's tests, made by the FFmpeg that is under test, and what stands in for it."""

import subprocess
from pathlib import Path

from system.worker.encoder import find_ffmpeg

FFMPEG = find_ffmpeg("")


def clip(
    path: Path, *, size: str = "320x180", rate: int = 25, seconds: float = 1, sound: bool = False, more: str = ""
) -> Path:
    """Write a test picture, with a tone if wanted; `more` is added to the output's arguments."""
    inputs = ["-f", "lavfi", "-i", f"testsrc2=size={size}:rate={rate}:duration={seconds}"]
    if sound:
        inputs += ["-f", "lavfi", "-i", f"sine=duration={seconds}"]
    codecs = ["-c:v", "libx264", "-preset", "ultrafast", *more.split()]
    command = [FFMPEG, "-hide_banner", "-loglevel", "error", "-nostdin", "-y", *inputs, *codecs, str(path)]
    subprocess.run(command, check=True)
    return path


def tone(path: Path) -> Path:
    """Write sound without a picture."""
    command = [FFMPEG, "-hide_banner", "-loglevel", "error", "-y", "-f", "lavfi", "-i", "sine=duration=1", str(path)]
    subprocess.run(command, check=True)
    return path


def program(path: Path, script: str) -> str:
    """Write a shell script that stands in for FFmpeg."""
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return str(path)
