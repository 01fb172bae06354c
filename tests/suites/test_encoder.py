"""Telling an encoder from what it made: real encodes by two encoders, and none."""

import subprocess
from pathlib import Path

import imageio_ffmpeg
import pytest

from seatrial import Failure
from suites.infra._encoder import made, reported


def encoded(folder: Path, encoder: str, *more: str) -> bytes:
    file = folder / f"{encoder}.mp4"
    subprocess.run(
        [
            *(imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-y", "-f", "lavfi"),
            *("-i", "testsrc2=size=128x72:rate=5:duration=1", "-c:v", encoder, "-pix_fmt", "yuv420p", *more, str(file)),
        ],
        check=True,
        timeout=60,
    )
    return file.read_bytes()


def test_x264_signs_its_bitstream(tmp_path: Path) -> None:
    seen = made(encoded(tmp_path, "libx264"))

    assert seen.x264.startswith("x264 - core ")
    assert seen.is_by("libx264")
    assert not seen.is_by("h264_nvenc")


def test_another_encoder_is_not_x264_whatever_it_is_called(tmp_path: Path) -> None:
    seen = made(encoded(tmp_path, "libopenh264"))

    assert (seen.x264, seen.named) == ("", "libopenh264")
    assert not seen.is_by("libx264")
    assert not seen.is_by("h264_nvenc")


def test_a_container_that_names_another_encoder_is_believed_by_nobody(tmp_path: Path) -> None:
    seen = made(encoded(tmp_path, "libx264", "-metadata:s:v:0", "encoder=h264_nvenc"))

    assert seen.named == "h264_nvenc"
    assert not seen.is_by("libx264")
    assert not seen.is_by("h264_nvenc")


def test_what_is_no_video_is_a_failure() -> None:
    with pytest.raises(Failure, match="a preview that can be read"):
        made(b"not a video")


def test_reads_a_workers_metrics() -> None:
    text = '# TYPE worker_encoder_info gauge\nworker_encoder_info{encoder="x264"} 1.0\n'
    counter = "# TYPE worker_encoder_fallbacks_total counter\nworker_encoder_fallbacks_total 2.0\n"

    assert reported(text + counter) == reported(counter + text)
    assert (reported(text + counter).encoder, reported(text + counter).fallbacks) == ("x264", 2.0)
    assert reported(text).fallbacks is None
