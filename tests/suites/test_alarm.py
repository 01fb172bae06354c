"""What a drill makes of an alert that fires, or does not, while something is gone."""

import json
import time
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, cast

import httpx2
import pytest

from seatrial import Failure, Invalid, Observe
from seatrial.probes.http import HttpAnswer
from suites.dr._alarm import require_fires, require_silent, unseen

PLACE = SimpleNamespace(prometheus="127.0.0.1:1")


class Prometheus:
    """Says one answer after the other, and the last one from then on; an answer is the components that are down."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self.answers = list(answers)

    def get(self, url: str, *, via: str) -> HttpAnswer:
        down = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        rows = [{"labels": {"alertname": "InstanceDown", "component": name}, "state": "firing"} for name in down]
        body = json.dumps({"data": {"alerts": rows}}).encode()
        return HttpAnswer("GET", f"http://{via}{url}", 200, httpx2.Headers(), body, 0.0, None)


def watched(*answers: Sequence[str], times: Sequence[str] = ("InstanceDown: 0.6 / 0.6 s",)) -> Observe:
    profile = SimpleNamespace(monitoring=PLACE)
    handle: Any = SimpleNamespace(profile=profile, http=Prometheus(*answers), target=lambda _: times)
    return cast(Observe, handle)


def test_an_alert_must_name_everything_that_is_gone() -> None:
    prometheus = watched([], ["worker-1"], ["worker-2", "edge-1"], times=["InstanceDown: 30 / 30 s"])
    seen = require_fires(prometheus, "InstanceDown", ["worker-1", "worker-2"], time.monotonic())

    assert seen.keys() == {"worker-1", "worker-2"}


@pytest.mark.parametrize(
    ("down", "said"), [([], "none of them"), (["worker-1"], "worker-1"), (["edge-1"], "none of them")]
)
def test_an_alert_that_leaves_something_out_has_not_fired(down: list[str], said: str) -> None:
    struck_s = time.monotonic()
    with pytest.raises(Failure, match=r"InstanceDown to fire within 0\.6 s and name worker-1, worker-2") as caught:
        require_fires(watched(down), "InstanceDown", ["worker-2", "worker-1"], struck_s)

    assert said in str(caught.value)


def test_an_alert_of_before_must_end_first() -> None:
    require_silent(watched(["worker-1"], ["edge-1"]), "InstanceDown", ["worker-1"])
    with pytest.raises(Invalid, match="InstanceDown fires before anything is struck"):
        require_silent(watched(["worker-1"]), "InstanceDown", ["worker-1"])


def test_an_alert_without_a_time_is_no_measurement() -> None:
    with pytest.raises(Invalid, match=r"no line for InstanceDown"):
        require_silent(watched([], times=["RedisDown: 1 / 1 s"]), "InstanceDown", ["worker-1"])


@pytest.mark.parametrize(
    ("monitoring", "parts", "said"),
    [
        (None, ["prometheus"], "the profile has no [monitoring]"),
        (PLACE, ["api-1"], "the platform runs no prometheus"),
        (PLACE, ["prometheus"], ""),
    ],
)
def test_where_nothing_watches_nobody_can_say(monitoring: object, parts: list[str], said: str) -> None:
    platform = SimpleNamespace(status=lambda: SimpleNamespace(parts=parts))
    handle: Any = SimpleNamespace(profile=SimpleNamespace(monitoring=monitoring), platform=platform)

    assert unseen(handle) == said
