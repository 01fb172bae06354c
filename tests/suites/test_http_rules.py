"""What may be cached by whom, and what a multipart answer holds."""

import pytest

from suites.deploy._http_rules import Part, byteranges, content_range, shared_cache_may_store


@pytest.mark.parametrize(
    ("status", "headers"),
    [
        (200, {"cache-control": "private, max-age=60"}),
        (200, {"cache-control": "max-age=60, PRIVATE"}),
        (200, {"cache-control": "no-store"}),
        (404, {"cache-control": "no-store"}),
        (403, {}),
        (416, {"cache-control": "no-cache"}),
        (503, {}),
    ],
)
def test_a_shared_cache_must_not_keep_this(status: int, headers: dict[str, str]) -> None:
    assert not shared_cache_may_store(status, headers)


@pytest.mark.parametrize(
    ("status", "headers"),
    [
        (200, {}),
        (200, {"cache-control": "public, max-age=60"}),
        (206, {"cache-control": "max-age=60"}),
        (404, {}),
        (403, {"cache-control": "max-age=5"}),
        (403, {"expires": "Thu, 01 Dec 2095 16:00:00 GMT"}),
        (200, {"cache-control": 'private="x-name", max-age=60'}),
        (200, {"cache-control": "privately"}),
    ],
)
def test_a_shared_cache_may_keep_this(status: int, headers: dict[str, str]) -> None:
    assert shared_cache_may_store(status, headers)


@pytest.mark.parametrize("text", ["", "bytes */10", "bytes 1-2/*", "bytes=1-2/10", "lines 1-2/10", "bytes 1-2/10 "])
def test_a_content_range_without_numbers_is_none(text: str) -> None:
    assert content_range(text) is None


def test_a_content_range_is_read() -> None:
    assert content_range("bytes 1-2/10") == (1, 2, 10)


BODY = (
    b"--gap\r\nContent-Type: video/mp4\r\nContent-Range: bytes 0-1/9\r\n\r\na\r"
    b"\r\n--gap\r\ncontent-range: bytes 8-8/9\r\n\r\ni\r\n--gap--\r\n"
)


def test_parts_are_taken_apart_byte_by_byte() -> None:
    assert byteranges("multipart/byteranges; boundary=gap", BODY) == [Part(0, 1, 9, b"a\r"), Part(8, 8, 9, b"i")]


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("video/mp4", BODY),
        ("multipart/byteranges", BODY),
        ("multipart/byteranges; boundary=other", BODY),
        ("multipart/byteranges; boundary=gap", BODY[:-10]),
        ("multipart/byteranges; boundary=gap", BODY.replace(b"bytes 8-8/9", b"bytes 8")),
    ],
)
def test_what_is_no_multipart_of_ranges_is_none(kind: str, body: bytes) -> None:
    assert byteranges(kind, body) is None
