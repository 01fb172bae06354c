"""What the malformed requests are, and which answers to them are wrong."""

import pytest

from seatrial.probes.raw import RawAnswer, RawExchange
from suites.security._malformed import Allowed, Malformed, malformed, wrong

FIRST, SMUGGLED, FOLLOW = "m.first", "m.smuggled", "m.follow"


NO_CONNECTION = RawExchange((), b"", connected=False, closed=False, error="connection refused", elapsed_s=0.0)


def exchange(*answers: tuple[int, str], closed: bool = True) -> RawExchange:
    made = tuple(RawAnswer(status, {"x-request-id": name} if name else {}, b"") for status, name in answers)
    return RawExchange(made, b"", connected=True, closed=closed, error=None, elapsed_s=0.1)


@pytest.mark.parametrize(
    ("allowed", "seen", "trouble"),
    [
        (Allowed.REFUSAL, exchange((400, FIRST)), ""),
        (Allowed.REFUSAL, exchange((403, FIRST), (400, "")), ""),
        (Allowed.REFUSAL, exchange(), ""),
        (Allowed.REFUSAL, exchange((400, FIRST), (200, FOLLOW)), "used again"),
        (Allowed.REFUSAL, exchange((400, FIRST), closed=False), "used again"),
        (Allowed.REFUSAL, exchange((200, FIRST)), "it was answered"),
        (Allowed.REFUSED, exchange((404, FIRST), (200, FOLLOW), closed=False), ""),
        (Allowed.REFUSED, exchange((200, FIRST), (200, FOLLOW)), "it was answered"),
        (Allowed.EITHER, exchange((200, FIRST), (200, FOLLOW), closed=False), ""),
        (Allowed.EITHER, exchange((200, FIRST), (200, SMUGGLED)), "stood inside another one"),
        (Allowed.EITHER, exchange((200, FOLLOW), (200, FIRST)), "out of order"),
        (Allowed.EITHER, exchange((200, FIRST), (200, "of somebody else")), "belongs to none"),
        (Allowed.CHUNKED, exchange((200, FIRST), (200, SMUGGLED), (200, FOLLOW), closed=False), ""),
        (Allowed.REFUSED, exchange((500, FIRST)), "an error of the server"),
        (Allowed.REFUSED, exchange((501, FIRST)), ""),
        (Allowed.REFUSED, exchange(closed=False), "neither an answer nor an end"),
        (Allowed.REFUSAL, NO_CONNECTION, "nobody took the connection"),
        (Allowed.EITHER, NO_CONNECTION, "nobody took the connection"),
    ],
)
def test_only_answers_in_their_place_are_right(allowed: Allowed, seen: RawExchange, trouble: str) -> None:
    told = wrong(Malformed("it", b"", allowed), "m", seen)

    assert told.startswith(trouble) or trouble in told
    assert bool(told) == bool(trouble)


def test_every_request_is_followed_by_a_harmless_one_and_named_once() -> None:
    cases = list(malformed("host.example", "/v1/sessions", "m"))

    assert len({case.name for case in cases}) == len(cases)
    assert [case.name for case in cases if case.data.count(FOLLOW.encode()) != 1] == []
