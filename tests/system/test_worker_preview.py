"""Previews are what they must be, whatever the upload was, and are never published unproven."""

import asyncio
import struct
from pathlib import Path
from typing import Any

import av
import pytest

from system.worker import preview as module
from system.worker.encoder import X264
from system.worker.errors import BadInputError
from system.worker.ffmpeg import FFmpegExit, run_ffmpeg
from system.worker.preview import Preview, make_preview
from system.worker.source import Limits

from .worker_clips import FFMPEG, clip


def preview_of(path: Path, heard: list[int] | None = None, limits: Limits | None = None) -> Preview:
    return asyncio.run(
        make_preview(
            FFMPEG,
            X264,
            path,
            path.parent,
            limits=limits or Limits(),
            on_progress=heard.append if heard is not None else None,
        )
    )


def boxes(path: Path) -> list[str]:
    """List the top-level boxes of an MP4 file in order (ISO/IEC 14496-12)."""
    content, offset, names = path.read_bytes(), 0, []
    while offset < len(content):
        size, name = struct.unpack(">I4s", content[offset : offset + 8])
        names.append(name.decode())
        offset += size
    return names


def test_a_large_video_becomes_720_lines_of_h264_with_sound(tmp_path: Path) -> None:
    preview = preview_of(clip(tmp_path / "a.mov", size="1920x1080", seconds=2, sound=True, more="-c:a pcm_s16le"))

    assert (preview.width, preview.height) == (1280, 720)
    assert preview.duration_s == pytest.approx(2, abs=0.1)
    with av.open(str(preview.video)) as container:
        video, audio = container.streams.video[0].codec_context, container.streams.audio[0].codec_context
        assert (video.name, video.profile, video.pix_fmt) == ("h264", "High", "yuv420p")
        assert audio.name == "aac"


def test_the_index_comes_first_so_that_playing_starts_at_once(tmp_path: Path) -> None:
    names = boxes(preview_of(clip(tmp_path / "a.mp4")).video)

    assert names.index("moov") < names.index("mdat")


def test_the_poster_is_a_jpeg_of_the_same_size(tmp_path: Path) -> None:
    preview = preview_of(clip(tmp_path / "a.mp4", size="640x360", seconds=3))

    with av.open(str(preview.poster)) as container:
        assert container.streams.video[0].codec_context.name == "mjpeg"
        assert (container.streams.video[0].width, container.streams.video[0].height) == (640, 360)


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        pytest.param("320x180", (320, 180), id="never upscaled"),
        pytest.param("321x181", (320, 180), id="odd sides"),
        pytest.param("720x1280", (406, 720), id="portrait"),
        pytest.param("1024x32", (1024, 32), id="banner"),
    ],
)
def test_the_size_keeps_the_aspect_and_is_even(tmp_path: Path, size: str, expected: tuple[int, int]) -> None:
    preview = preview_of(clip(tmp_path / "a.mkv", size=size, more="-pix_fmt yuv444p"))

    assert (preview.width, preview.height) == expected


def test_one_frame_is_enough(tmp_path: Path) -> None:
    preview = preview_of(clip(tmp_path / "a.mp4", seconds=0.04))

    assert preview.poster.stat().st_size > 0


def test_more_than_sixty_frames_a_second_are_thinned_out(tmp_path: Path) -> None:
    preview = preview_of(clip(tmp_path / "a.mkv", rate=120))

    with av.open(str(preview.video)) as container:
        assert container.streams.video[0].average_rate == 60


def test_full_range_colours_become_ordinary_ones(tmp_path: Path) -> None:
    preview = preview_of(clip(tmp_path / "a.mp4", more="-pix_fmt yuvj420p"))

    with av.open(str(preview.video)) as container:
        assert container.streams.video[0].codec_context.pix_fmt == "yuv420p"


def test_what_the_camera_wrote_about_its_owner_is_left_out(tmp_path: Path) -> None:
    source = clip(tmp_path / "a.mp4", more="-metadata location=+59.9139+010.7522/ -metadata comment=private")

    with av.open(str(preview_of(source).video)) as container:
        assert not {"location", "comment"} & set(container.metadata)


def test_progress_rises_and_leaves_the_last_percent_to_publishing(tmp_path: Path) -> None:
    heard: list[int] = []
    preview_of(clip(tmp_path / "a.mp4", seconds=2), heard)

    assert heard == sorted(heard)
    assert heard[-1] in range(90, 100)


@pytest.mark.parametrize(
    ("name", "more"),
    [("a.mp4", "-movflags +faststart"), ("a.mkv", "")],
)
def test_a_file_that_ends_early_is_refused_even_where_it_can_be_decoded(tmp_path: Path, name: str, more: str) -> None:
    source = clip(tmp_path / name, seconds=6, more=more)
    content = source.read_bytes()
    source.write_bytes(content[: len(content) // 2])

    with pytest.raises(BadInputError, match=r"cut short: it announces 6\.0 s of video and holds [23]\."):
        preview_of(source)


def test_a_video_without_a_single_frame_is_refused(tmp_path: Path) -> None:
    source = clip(tmp_path / "a.mkv", seconds=2)
    content = source.read_bytes()
    source.write_bytes(content[: content.index(b"\x1f\x43\xb6\x75")])  # up to the first cluster

    with pytest.raises(BadInputError):
        preview_of(source)


def test_what_takes_too_long_is_the_videos_fault_so_that_it_is_not_tried_again(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="cannot be converted within 0 s"):
        preview_of(clip(tmp_path / "a.mp4"), limits=Limits(max_encode_s=0.001))


@pytest.mark.parametrize(("more", "longest_s"), [("", 130), ("-live 1", 3600)], ids=["stated", "not stated"])
def test_a_video_that_states_no_duration_gets_the_time_of_the_longest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, more: str, longest_s: float
) -> None:
    given: list[float] = []

    async def run_noting(*arguments: Any, timeout_s: float, **options: Any) -> FFmpegExit:
        given.append(timeout_s)
        return await run_ffmpeg(*arguments, timeout_s=timeout_s, **options)

    monkeypatch.setattr(module, "run_ffmpeg", run_noting)
    preview_of(clip(tmp_path / "a.mkv", more=more), limits=Limits(max_encode_s=3600))

    assert given[0] == pytest.approx(longest_s, abs=1)


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        (Limits(max_duration_s=2), "the video lasts 3 s; at most 2 s are accepted"),
        (Limits(max_work_pixels=320 * 180 * 25 * 2), "25 times a second for 3 s; together at most"),
    ],
    ids=["length", "work"],
)
def test_a_video_that_states_no_duration_is_not_too_long_either(tmp_path: Path, limits: Limits, words: str) -> None:
    with pytest.raises(BadInputError, match=words):
        preview_of(clip(tmp_path / "a.mkv", seconds=20, more="-live 1"), limits=limits)
    assert preview_of(clip(tmp_path / "b.mkv", seconds=2, more="-live 1"), limits=limits).duration_s <= 2.1
