"""Presigned URLs and their bending."""

import io
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from urllib.parse import urlsplit

import av
import httpx2
import pytest

from seatrial.probes.http import HttpAnswer
from suites.client import Upload, small_clip
from suites.infra import _presigned as presigned

ASSET = "4a9d1558-81f5-4f15-84af-3f3f4e643086"
URL = (
    f"https://s3.example.test:443/staging/uploads/{ASSET}?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=A%2Fs3"
    "&X-Amz-Date=20261123T061824Z&X-Amz-Expires=900&X-Amz-SignedHeaders=host&X-Amz-Signature=" + "0a" * 32
)
HEADERS = {"Content-Type": "video/mp4", "x-amz-checksum-sha256": "x"}


def answer(date: str) -> HttpAnswer:
    return HttpAnswer("PUT", URL, 403, httpx2.Headers({"date": date} if date else {}), b"", 0.0, None)


def bent(body: bytes) -> list[presigned.Bent]:
    return list(presigned.bent(Upload(URL, HEADERS), ASSET, body, other_id="other", other_bucket="its-masters"))


def test_each_bent_request_differs_from_what_was_signed() -> None:
    signed = ("PUT", URL, HEADERS, b"bytes")
    requests = bent(b"bytes")
    assert len(requests) >= 14
    assert len({request.name for request in requests}) == len(requests)
    same = [
        request.name for request in requests if (request.method, request.url, request.headers, request.body) == signed
    ]
    assert not same


def test_another_place_is_the_one_that_the_check_cleans() -> None:
    places = {
        each.name: urlsplit(each.url).path for each in bent(b"bytes") if each.name in {"wrong key", "wrong bucket"}
    }
    assert places == {"wrong key": "/staging/uploads/other", "wrong bucket": f"/its-masters/uploads/{ASSET}"}


def test_other_bytes_have_the_length_that_was_signed() -> None:
    other = next(each for each in bent(b"bytes") if each.name == "other bytes")
    assert other.body is not None
    assert len(other.body) == 5


def test_a_url_says_how_long_it_lives() -> None:
    assert presigned.lifetime_s(URL) == 900
    assert presigned.lifetime_s("https://s3.example.test/x") is None


def test_a_padded_clip_has_the_size_and_is_still_a_video() -> None:
    clip = small_clip().content
    padded = presigned.padded(clip, len(clip) + 100_000)
    assert len(padded) == len(clip) + 100_000
    with av.open(io.BytesIO(padded)) as video:
        assert video.streams.video[0].frames == 10


def test_padding_never_cuts_a_clip() -> None:
    clip = small_clip().content
    assert presigned.padded(clip, 10).startswith(clip)


@pytest.mark.parametrize("ahead_s", [-90, 0, 90])
def test_the_clocks_offset_is_taken_from_the_date(ahead_s: int) -> None:
    theirs = datetime.now(UTC) - timedelta(seconds=ahead_s)
    seen = presigned.clock_offset_s(answer(format_datetime(theirs, usegmt=True)))
    assert seen == pytest.approx(ahead_s, abs=2)


@pytest.mark.parametrize("date", ["", "yesterday"])
def test_without_a_date_there_is_no_offset(date: str) -> None:
    assert presigned.clock_offset_s(answer(date)) == 0.0


@pytest.mark.parametrize(
    ("status", "took_s", "behind_s", "word"),
    [(403, 0.3, 0, ""), (403, 1.2, 0, "busy"), (403, 0.3, 5, "clock"), (200, 1.2, 5, ""), (500, 9.0, 5, "")],
)
def test_a_refusal_within_a_life_is_the_stores_unless_it_came_late(
    status: int, took_s: float, behind_s: int, word: str
) -> None:
    theirs = format_datetime(datetime.now(UTC) - timedelta(seconds=behind_s), usegmt=True)
    seen = HttpAnswer("PUT", "u", status, httpx2.Headers({"Date": theirs}), b"", took_s, None)

    why = presigned.untold(seen, took_s, 2)

    assert bool(why) == bool(word)
    assert word in why
