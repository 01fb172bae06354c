"""What an upload is gets known before any of it is decoded, and what cannot become a preview is named."""

import asyncio
from pathlib import Path

import pytest

from system.worker import source as module
from system.worker.errors import BadInputError, PipelineError
from system.worker.source import Limits, Source, inspect_source

from .worker_clips import clip, tone


def inspect(path: Path, limits: Limits | None = None) -> Source:
    return asyncio.run(inspect_source(path, limits or Limits()))


def refusal(path: Path, limits: Limits | None = None) -> str:
    with pytest.raises(BadInputError) as caught:
        inspect(path, limits)
    return str(caught.value)


def test_a_clip_is_described(tmp_path: Path) -> None:
    source = inspect(clip(tmp_path / "a.mp4", size="320x180", rate=25, seconds=2, sound=True))

    assert (source.codec, source.width, source.height, source.audio) == ("h264", 320, 180, True)
    assert source.frames_per_s == 25
    assert source.duration_s == pytest.approx(2, abs=0.1)


def test_sound_is_not_invented(tmp_path: Path) -> None:
    assert not inspect(clip(tmp_path / "a.mkv")).audio


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.touch()

    assert refusal(path) == "the file is empty"


def test_a_file_over_the_size_limit_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(b"x" * 11)

    assert refusal(path, Limits(max_bytes=10)) == "the file has 11 bytes; at most 10 are accepted"


@pytest.mark.parametrize("content", [b"hello\n", bytes(range(256)) * 500, b"PK\x03\x04" + bytes(5000)])
def test_what_is_no_video_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(content)

    assert refusal(path).startswith("the file is not a video that can be read")


def test_a_playlist_cannot_make_the_worker_read_other_files(tmp_path: Path) -> None:
    secret = clip(tmp_path / "secret.mp4")
    playlist = tmp_path / "a.mp4"
    playlist.write_text(f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile://{secret}\n#EXT-X-ENDLIST\n")

    assert refusal(playlist).startswith("the file is not a video that can be read")


def test_sound_alone_is_refused(tmp_path: Path) -> None:
    assert refusal(tone(tmp_path / "a.m4a")) == "the file holds no video"


@pytest.mark.parametrize("size", ["320x180", "64x48"])
def test_a_picture_outside_of_the_limits_is_refused_with_its_size(tmp_path: Path, size: str) -> None:
    path = clip(tmp_path / "a.mp4", size=size)
    width, height = size.split("x")

    assert refusal(path, Limits(max_side=200, least_side=50)).startswith(f"the picture is {width} x {height};")


def test_a_picture_of_too_many_pixels_is_refused_though_each_side_is_allowed(tmp_path: Path) -> None:
    path = clip(tmp_path / "a.mp4")

    assert refusal(path, Limits(max_pixels=50_000)) == "the picture is 320 x 180; at most 50000 pixels are accepted"


def test_a_video_over_the_time_limit_is_refused(tmp_path: Path) -> None:
    path = clip(tmp_path / "a.mp4", seconds=2)

    assert refusal(path, Limits(max_duration_s=1)) == "the video lasts 2 s; at most 1 s are accepted"


def test_a_video_of_too_many_frames_is_refused_though_their_size_and_its_duration_are_allowed(tmp_path: Path) -> None:
    slow, quick = (clip(tmp_path / f"{rate}.mp4", rate=rate, seconds=2) for rate in (25, 250))
    limits = Limits(max_work_pixels=320 * 180 * 100 * 2)

    inspect(slow, limits)
    assert refusal(quick, limits) == (
        "the video has 320 x 180 pixels, 250 times a second for 2 s; together at most 1.15e+07 pixels are accepted"
    )


@pytest.mark.parametrize("most", [(3840, 2160, 60, 3600), (1920, 1080, 60, 4 * 3600)])
def test_what_people_upload_is_no_more_work_than_is_accepted(most: tuple[int, int, int, int]) -> None:
    width, height, frames_per_s, duration_s = most
    source = Source("h264", width, height, frames_per_s, duration_s, audio=True)

    assert source.work_pixels <= Limits().max_work_pixels
    assert source.duration_s <= Limits().max_duration_s


def test_a_file_cut_before_its_index_is_refused(tmp_path: Path) -> None:
    whole = clip(tmp_path / "a.mp4", seconds=2).read_bytes()
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(whole[: len(whole) // 2])

    assert refusal(cut).startswith("the file is not a video that can be read")


def test_a_machine_that_stands_still_is_not_the_files_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "describe.py").write_text("import signal; signal.pause()")
    monkeypatch.setattr(module, "__file__", str(tmp_path / "source.py"))
    monkeypatch.setattr(module, "WALL_LIMIT_S", 0.1)

    with pytest.raises(PipelineError, match="could not be understood"):
        inspect(clip(tmp_path / "a.mp4"))


def test_a_file_that_takes_all_the_time_there_is_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = (
        "from itertools import count",
        "from system.worker import describe",
        "describe.CPU_LIMIT_S = 1",
        "describe.describe = lambda path: all(count(1))",
        "describe.main()",
    )
    (tmp_path / "describe.py").write_text("\n".join(program))
    monkeypatch.setattr(module, "__file__", str(tmp_path / "source.py"))

    assert refusal(clip(tmp_path / "a.mp4")) == "the file breaks its reader (SIGXCPU)"
