"""How DEP-HLT-02 judges instances that have lost a dependency: by one deadline, and live until the end."""

import time
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import httpx2
import pytest

from seatrial import Failure
from seatrial.probes.http import HttpAnswer
from suites.client import Instance
from suites.deploy import test_health as health

READY, LIVE = '{"dependencies": {"redis": {"ok": true}}}', '{"status": "ok"}'
LOST = READY.replace("true", "false")
NOTICED_S, NEVER_S = 3.0, 60.0


class Instances:
    """Answer for instances whose ready and live turn red so many seconds after the first question."""

    def __init__(self, ready_s: Mapping[str, float], live_s: float) -> None:
        self._began_s = time.monotonic()
        self._ready_s, self._live_s = ready_s, live_s

    def get(self, url: str, *, via: str | None, **_: object) -> HttpAnswer:
        past_s = time.monotonic() - self._began_s
        if url.endswith("/readyz"):
            red, body = past_s >= self._ready_s[via or ""], LOST
        else:
            red, body = past_s >= self._live_s, LIVE
        return HttpAnswer("GET", url, 503 if red else 200, httpx2.Headers(), body.encode(), 0.0, None)


def told(monkeypatch: pytest.MonkeyPatch, *ready_s: float, live_s: float = NEVER_S) -> None:
    monkeypatch.setattr(health, "HELD_S", 0.6)
    monkeypatch.setattr(health, "LIVE_PER_S", 20.0)
    watched = [Instance("worker", f"worker-{number}", f"{number}") for number in range(len(ready_s))]
    paths = SimpleNamespace(live="/livez", ready="/readyz")
    disrupt: Any = SimpleNamespace(
        http=Instances(dict(zip((each.via or "" for each in watched), ready_s, strict=True)), live_s),
        profile=SimpleNamespace(services={"worker": paths}),
        target=lambda _: NOTICED_S,
    )
    health._require_told(disrupt, watched, "redis", 1.0)


def test_a_loss_that_all_tell_of_in_time_is_right(monkeypatch: pytest.MonkeyPatch) -> None:
    told(monkeypatch, 0.0, 0.2)


def test_an_instance_has_no_more_time_for_being_asked_after_another(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Failure, match="ready of worker-1 red"):
        told(monkeypatch, 1.5, NOTICED_S + 1.0)


def test_a_live_that_turns_red_after_all_have_told_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Failure, match="live of worker-0 green"):
        told(monkeypatch, 0.0, live_s=0.3)
