"""What answers a drill on the network takes while a link is slow or cut."""

import httpx2
import pytest

from seatrial import Failure, Invalid
from seatrial.probes.http import HttpAnswer
from seatrial.traffic import Shot
from suites.dr._people import Must, Said, judge

STRUCK_S, NOTICED_S, BUDGET_S = 100.0, 4.0, 8.0


def shot(status: int | None, *, after_s: float = 1.0, took_s: float = 0.1, **headers: str) -> Shot[Said]:
    due_s = STRUCK_S + after_s
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    answer = HttpAnswer("GET", "api:/x", status, httpx2.Headers(sent), b"", took_s, None if status else "timed out")
    return Shot(due_s, due_s, due_s + took_s, Said("list", 200, answer))


def judged(must: Must, *shots: Shot[Said]) -> None:
    served = [shot(200), shot(200), shot(200)]
    judge(
        [*served, *shots],
        must,
        budget_s=BUDGET_S,
        struck_s=STRUCK_S,
        noticed_s=NOTICED_S,
        where="api",
    )


@pytest.mark.parametrize(
    ("must", "taken"),
    [
        (Must.SERVE, shot(200, took_s=7.9)),
        (Must.SAY_SO, shot(503, retry_after="1")),
        (Must.SAY_SO, shot(504, content_type="application/problem+json; charset=utf-8")),
        (Must.SERVE_ONCE_NOTICED, shot(504, after_s=3.9, retry_after="2")),
    ],
)
def test_answers_that_are_as_they_must_be(must: Must, taken: Shot[Said]) -> None:
    judged(must, taken)


@pytest.mark.parametrize(
    ("must", "refused", "said"),
    [
        (Must.SERVE, shot(503, retry_after="1"), "1 of 4 not; the first: list"),
        (Must.SERVE, shot(200, took_s=8.1), "after 8.1 s"),
        (Must.SAY_SO, shot(503), "503"),
        (Must.SAY_SO, shot(500, retry_after="1"), "500"),
        (Must.SAY_SO, shot(None, took_s=7.0), "no answer: timed out"),
        (Must.SAY_SO, shot(503, took_s=12.0, retry_after="1"), "1 of 4 were not"),
        (Must.SERVE_ONCE_NOTICED, shot(504, after_s=4.1, retry_after="2"), "504"),
        (Must.SERVE_ONCE_NOTICED, shot(502, after_s=1.0), "502"),
    ],
)
def test_answers_that_are_not(must: Must, refused: Shot[Said], said: str) -> None:
    with pytest.raises(Failure) as failure:
        judged(must, refused)
    assert said in str(failure.value.seen)


def test_too_few_calls_say_nothing() -> None:
    with pytest.raises(Invalid, match="2 calls while the link was struck"):
        judge(
            [shot(200), shot(200)],
            Must.SERVE,
            budget_s=BUDGET_S,
            struck_s=STRUCK_S,
            noticed_s=NOTICED_S,
            where="api",
        )
