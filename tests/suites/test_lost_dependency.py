"""How DEP-HLT-02 judges instances that have lost a dependency: by one deadline, and live until the end."""

import time
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import httpx2
import pytest

from seatrial import Failure, Invalid
from seatrial.probes.http import HttpAnswer
from seatrial.traffic import Traffic
from suites.client import Instance
from suites.deploy import test_health as health

READY, LIVE = '{"dependencies": {"redis": {"ok": true}}}', '{"status": "ok"}'
LOST = READY.replace("true", "false")
NOTICED_S, NEVER_S = 3.0, 60.0
BUDGET_S, LATE_S = 1.0, 1.5


class Instances:
    """Answer for instances whose ready and live turn red so many seconds after the first question.

    Answers take no time, but for the first ones of live that are late, of all instances together, and those of ready.
    """

    def __init__(self, ready_s: Mapping[str, float], live_s: float, late: int, ready_took_s: float) -> None:
        self._began_s = time.monotonic()
        self._ready_s, self._live_s = ready_s, live_s
        self._late, self._ready_took_s = iter([LATE_S] * late), ready_took_s

    def get(self, url: str, *, via: str | None, **_: object) -> HttpAnswer:
        past_s = time.monotonic() - self._began_s
        if url.endswith("/readyz"):
            red, body, took_s = past_s >= self._ready_s[via or ""], LOST, self._ready_took_s
        else:
            red, body, took_s = past_s >= self._live_s, LIVE, next(self._late, 0.0)
        return HttpAnswer("GET", url, 503 if red else 200, httpx2.Headers(), body.encode(), took_s, None)


def told(
    monkeypatch: pytest.MonkeyPatch,
    *ready_s: float,
    live_s: float = NEVER_S,
    late: int = 0,
    ready_took_s: float = 0.0,
    enough: float = 0.5,
) -> None:
    monkeypatch.setattr(health, "ENOUGH", enough)
    monkeypatch.setattr(health, "HELD_S", 0.6)
    monkeypatch.setattr(health, "LIVE_PER_S", 20.0)
    watched = [Instance("worker", f"worker-{number}", f"{number}") for number in range(len(ready_s))]
    paths = SimpleNamespace(live="/livez", ready="/readyz")
    disrupt: Any = SimpleNamespace(
        http=Instances(
            dict(zip((each.via or "" for each in watched), ready_s, strict=True)), live_s, late, ready_took_s
        ),
        profile=SimpleNamespace(services={"worker": paths}),
        target=lambda _: NOTICED_S,
    )
    health._require_told(disrupt, watched, "redis", BUDGET_S)


def test_a_loss_that_all_tell_of_in_time_is_right(monkeypatch: pytest.MonkeyPatch) -> None:
    told(monkeypatch, 0.0, 0.2)


def test_an_instance_has_no_more_time_for_being_asked_after_another(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Failure, match="ready of worker-1 red"):
        told(monkeypatch, 1.5, NOTICED_S + 1.0)


def test_a_live_that_turns_red_after_all_have_told_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Failure, match="live of worker-0 green"):
        told(monkeypatch, 0.0, live_s=0.3)


def test_one_answer_of_live_may_be_late(monkeypatch: pytest.MonkeyPatch) -> None:
    told(monkeypatch, 0.0, late=1)


def test_a_live_that_is_late_more_often_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Failure, match=r"live of worker-0 green, and within 1 s.*2 of \d+ answers: 200"):
        told(monkeypatch, 0.0, late=2)


def test_a_ready_that_is_late_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Failure, match=r"ready of worker-0 within 1 s while redis is lost; saw 1.50 s"):
        told(monkeypatch, 0.0, ready_took_s=LATE_S)


def busy(_: Traffic[Any]) -> float:
    raise Invalid("too busy a machine")


@pytest.mark.parametrize("slow", [{"late": 2}, {"ready_took_s": LATE_S}])
def test_of_a_busy_machine_nothing_slow_is_concluded(monkeypatch: pytest.MonkeyPatch, slow: dict[str, Any]) -> None:
    monkeypatch.setattr(Traffic, "require_punctual", busy)
    with pytest.raises(Invalid, match="too busy a machine"):
        told(monkeypatch, 0.0, **slow)


@pytest.mark.parametrize("crowd", [{"late": 2}, {"enough": 99.0}])
def test_a_live_that_is_red_on_a_busy_machine_is_red(monkeypatch: pytest.MonkeyPatch, crowd: dict[str, Any]) -> None:
    monkeypatch.setattr(Traffic, "require_punctual", busy)
    with pytest.raises(Failure, match="live of worker-0 green"):
        told(monkeypatch, 0.0, live_s=0.3, **crowd)


def test_too_few_answers_of_live_say_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Invalid, match=r"live of worker-0 was asked \d+ times in 1 s: too busy"):
        told(monkeypatch, 0.0, enough=99.0)


def test_where_a_service_lists_no_instance_nobody_could_tell() -> None:
    listed = {name: SimpleNamespace(instances={f"{name}-1": "127.0.0.1:1"}) for name in ("api", "worker", "edge")}
    disrupt: Any = SimpleNamespace(
        platform=SimpleNamespace(offers=lambda _: True),
        profile=SimpleNamespace(services=listed),
        target=lambda _: NOTICED_S,
    )
    with pytest.raises(Invalid, match="no instance of frontend could tell of a loss"):
        health.test_ready_tells_of_a_lost_dependency(disrupt)
