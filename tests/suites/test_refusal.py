"""What counts as a refusal, and what as a clear one."""

import httpx2
import pytest

from seatrial import Failure, Invalid
from seatrial.probes.http import HttpAnswer
from suites.client import require_refused
from suites.dr._refusal import unclear


def answer(
    status: int | None, kind: str = "application/problem+json", after: str = "2", error: str | None = None
) -> str:
    headers = httpx2.Headers({"Content-Type": kind, "Retry-After": after})
    return unclear(HttpAnswer("POST", "https://api.test/", status, headers, b"body", 0.1, error))


@pytest.mark.parametrize("status", [502, 503, 504])
def test_a_problem_that_says_when_to_come_back_is_clear(status: int) -> None:
    assert answer(status) == answer(status, "application/problem+json; charset=utf-8") == ""


@pytest.mark.parametrize(
    ("said", "lack"),
    [
        (answer(None, error="timed out"), "timed out"),
        (answer(202), "202 body"),
        (answer(500), "500 body"),
        (answer(503, kind="text/html"), "503 as text/html"),
        (answer(503, kind=""), "503 as nothing"),
        (answer(503, after=""), "503 with Retry-After missing"),
        (answer(503, after="soon"), "503 with Retry-After soon"),
    ],
)
def test_anything_else_is_told_apart(said: str, lack: str) -> None:
    assert said == lack


def refused(status: int | None, *, closed: bool = False) -> str:
    error = None if status else "no answer"
    seen = HttpAnswer("GET", "https://api.test/", status, httpx2.Headers(), b"", 0.1, error, closed)
    try:
        require_refused(seen, "no content")
    except (Failure, Invalid) as raised:
        return type(raised).__name__
    return "refused"


@pytest.mark.parametrize(
    ("status", "closed", "ended"),
    [
        (421, False, "refused"),
        (None, True, "refused"),
        (None, False, "Invalid"),
        (200, False, "Failure"),
        (308, False, "Failure"),
        (502, False, "Failure"),
    ],
)
def test_silence_refuses_nothing_and_neither_does_an_error(status: int | None, closed: bool, ended: str) -> None:
    assert refused(status, closed=closed) == ended
