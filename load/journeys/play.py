"""Watch a preview as a player does: the beginning first, then range after range."""

from load.journeys._given import Given
from seatrial import Failure, require
from suites.client.session import promised

FIRST, RANGE, MOST = 65_536, 262_144, 6


def play(given: Given) -> None:
    """Take a signed link, read the beginning, and then up to six ranges more."""
    http = given.session.client.http
    url = given.session.playback(given.asset.id).url
    start, whole, length = 0, 1, FIRST
    for _ in range(1 + MOST):
        answer = promised(
            http.request("GET", url, headers={"Range": f"bytes={start}-{start + length - 1}"}), 206, "edge"
        )
        whole = _size(answer.headers.get("content-range", ""))
        expected = min(length, whole - start)
        require(len(answer.body) == expected, f"{expected} bytes of the preview", len(answer.body), "edge")
        start, length = start + expected, RANGE
        if start >= whole:
            return


def _size(content_range: str) -> int:
    size = content_range.rpartition("/")[2]
    if not size.isdigit():
        raise Failure("a Content-Range with the size of the preview", content_range or "none", "edge")
    return int(size)
