"""How long a link may live at most, as SEC-HMAC-03 judges it, with an API that answers in the next second."""

from types import SimpleNamespace
from typing import Any

import httpx2
import pytest

from seatrial.cases import Cases
from seatrial.probes.http import HttpAnswer
from suites.security import test_signing as signing

MOST_S = 3600
ASKED_S, ANSWERED_S = 1_800_000_000.9, 1_800_000_001.1


def answer(status: int) -> HttpAnswer:
    return HttpAnswer("POST", "api:/", status, httpx2.Headers(), b"", 0.0, None)


class Clock:
    """The time of this machine, which is the API's as well."""

    def __init__(self) -> None:
        self.now_s = ASKED_S

    def time(self) -> float:
        return self.now_s


def troubles(monkeypatch: pytest.MonkeyPatch, *, beyond_s: int) -> list[str]:
    """Ask an API for links that lets them live that much longer than it was asked for."""
    clock = Clock()

    def playback(_: str, lifetime_s: int | None) -> Any:
        clock.now_s = ANSWERED_S
        expires = int(clock.now_s) + (lifetime_s or MOST_S) + beyond_s
        clock.now_s += 0.01
        return SimpleNamespace(url=f"https://play.test/v/1/preview?exp={expires}&kid=k&sig=s")

    session: Any = SimpleNamespace(call=lambda *_, **__: answer(422), playback=playback)
    exercise: Any = SimpleNamespace(target=lambda _: MOST_S)
    monkeypatch.setattr(signing, "time", clock)
    monkeypatch.setattr(signing, "fetch", lambda *_: answer(200))
    cases = Cases()

    signing._mint(exercise, session, SimpleNamespace(id="1"), cases)  # type: ignore[arg-type]

    return [f"{finding.case}: {finding.expected}" for finding in cases.findings]


def test_a_link_that_was_signed_in_the_next_second_lives_no_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    assert troubles(monkeypatch, beyond_s=0) == []


def test_a_link_that_outlives_the_maximum_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = f"an expiry within {MOST_S} s"

    assert troubles(monkeypatch, beyond_s=4) == [
        f"the longest link: {wanted}",
        f"a link of the default lifetime: {wanted}",
    ]
