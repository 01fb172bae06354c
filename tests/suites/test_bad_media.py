"""Each bad file is bad in the way that its name says."""

import io
import zipfile

import av
import av.error
import pytest

from suites.deploy._bad_media import BOMB_BYTES, bad_files


def test_there_is_one_of_every_kind_and_none_is_mistaken_for_another() -> None:
    files = {each.name: each.content for each in bad_files()}
    assert len(files) == len(set(files.values())) == 10
    assert not files["empty"]
    with zipfile.ZipFile(io.BytesIO(files["zip bomb"])) as archive:
        assert archive.infolist()[0].file_size == BOMB_BYTES > 500 * len(files["zip bomb"])


@pytest.mark.parametrize(("name", "size"), [("too wide", (16000, 64)), ("too many pixels", (8192, 4352))])
def test_the_huge_pictures_announce_their_size(name: str, size: tuple[int, int]) -> None:
    content = next(each.content for each in bad_files() if each.name == name)
    with av.open(io.BytesIO(content), "r") as container:
        context = container.streams.video[0].codec_context
        assert (context.width, context.height) == size


def test_too_much_work_is_announced_by_two_frames() -> None:
    content = next(each.content for each in bad_files() if each.name == "too much work")
    with av.open(io.BytesIO(content), "r") as container:
        stream = container.streams.video[0]
        assert stream.average_rate == 240
        assert (container.duration or 0) / 1_000_000 == pytest.approx(3600, abs=1)
        assert sum(1 for _ in container.decode(video=0)) == 2


def test_the_one_cut_short_announces_more_than_it_holds() -> None:
    content = next(each.content for each in bad_files() if each.name == "cut short")
    last = 0.0
    with av.open(io.BytesIO(content), "r") as container:
        announced = (container.duration or 0) / 1_000_000
        try:
            for frame in container.decode(video=0):
                last = float(frame.time or 0)
        except av.error.FFmpegError:
            pass  # the end is missing
    assert announced == pytest.approx(3, abs=0.2)
    assert last < 1.5
