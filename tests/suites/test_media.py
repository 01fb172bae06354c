"""The measures of a preview notice what is wrong with it."""

import subprocess
from pathlib import Path

import imageio_ffmpeg
import pytest

from seatrial import Failure
from suites.client import generated_clip
from suites.deploy import media


def _made(tmp_path: Path, *arguments: str, name: str = "made.mp4") -> bytes:
    source = generated_clip(seed=1, duration_s=1, width=320, height=240, frames_per_s=10).path
    target = tmp_path / name
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-loglevel", "error", "-i", str(source), *arguments, str(target)]
    subprocess.run(command, check=True, timeout=60)
    return target.read_bytes()


def _source() -> bytes:
    return generated_clip(seed=1, duration_s=1, width=320, height=240, frames_per_s=10).content


def test_a_video_is_described_as_it_was_made(tmp_path: Path) -> None:
    video = media.inspect(_made(tmp_path, "-vf", "scale=160:120", "-an", "-t", "0.5"), "a video")

    assert (video.codec, video.pixels, video.width, video.height, video.audio) == ("h264", "yuv420p", 160, 120, None)
    assert abs(video.duration_s - 0.5) < 0.11
    assert video.told["comment"] == "seed 1"


def test_boxes_tell_fast_start_from_index_at_the_end(tmp_path: Path) -> None:
    fast = [*media.boxes(_made(tmp_path, "-c", "copy", "-movflags", "+faststart", name="fast.mp4"))]
    slow = [*media.boxes(_made(tmp_path, "-c", "copy", name="slow.mp4"))]

    assert fast.index("moov") < fast.index("mdat")
    assert slow.index("moov") > slow.index("mdat")


def test_boxes_of_rubbish_come_to_an_end() -> None:
    assert len([*media.boxes(b"\0\0\0\0mdat" + bytes(64))]) == 1
    assert [*media.boxes(b"")] == []


def test_a_smaller_copy_resembles_and_a_turned_one_does_not(tmp_path: Path) -> None:
    source = media.thumbnails(_source(), "a source")
    small = media.thumbnails(_made(tmp_path, "-vf", "scale=160:120", name="small.mp4"), "a copy")
    turned = media.thumbnails(_made(tmp_path, "-vf", "hflip,vflip", name="turned.mp4"), "a turned copy")

    wanted = media.at(source, 0.5)
    assert media.difference(wanted, media.at(small, 0.5)) < 5
    assert media.difference(wanted, media.at(turned, 0.5)) > 20
    assert media.difference(media.upside_down(wanted), media.at(turned, 0.5)) < 5


def test_a_poster_must_be_jpeg(tmp_path: Path) -> None:
    jpeg = _made(tmp_path, "-frames:v", "1", "-update", "1", name="poster.jpg")
    png = _made(tmp_path, "-frames:v", "1", "-update", "1", name="poster.png")

    assert media.picture_size(jpeg, "a poster") == (320, 240)
    with pytest.raises(Failure, match="as JPEG"):
        media.picture_size(png, "a poster")


def test_what_is_no_video_is_a_failure_and_no_crash() -> None:
    with pytest.raises(Failure, match="can be played"):
        media.inspect(b"not a video", "a preview")
