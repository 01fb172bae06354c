"""The file of two parts, and what counts as a call that is to come again."""

import io

import av
import httpx2

from seatrial.probes.http import HttpAnswer
from suites.deploy._uploads import PART_BYTES, new_key, two_parts, under_way


def _answer(status: int, headers: dict[str, str]) -> HttpAnswer:
    return HttpAnswer("PATCH", "https://x", status, httpx2.Headers(headers), b"", 0.0, None)


def test_the_file_of_two_parts_still_plays() -> None:
    content = two_parts()
    assert PART_BYTES < len(content) < 2 * PART_BYTES
    with av.open(io.BytesIO(content), "r") as container:
        assert sum(1 for _ in container.decode(video=0)) == 10


def test_only_a_refusal_that_says_when_is_to_be_repeated() -> None:
    assert under_way(_answer(409, {"Retry-After": "1"}))
    assert under_way(_answer(503, {"Retry-After": "1"}))
    assert not under_way(_answer(409, {}))
    assert not under_way(_answer(200, {"Retry-After": "1"}))


def test_no_key_is_used_twice() -> None:
    assert len({new_key() for _ in range(100)}) == 100
