"""Who counts as somebody who has felt that a link is cut."""

import itertools
import json
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import httpx2
import pytest

from seatrial import eventually
from seatrial.probes.http import HttpAnswer
from suites.client import Instance
from suites.dr._felt import Watching, keeps_waiting, loses, noted, notes

NOW = datetime(2026, 5, 10, 12, 0, 0, tzinfo=UTC)
API = "127.77.0.41:18011"
READY = {"dependencies": {"postgres": {"ok": True}, "redis": {"ok": False}}}


def answering(status: int | None, said: object = None, *, took_s: float = 0.01) -> Any:
    """A handle whose requests are all answered so, and whose profile has services with the usual paths."""
    body = json.dumps(said).encode()
    answer = HttpAnswer("GET", "x", status, httpx2.Headers(), body, took_s, None if status else "timed out")
    services = {"api": SimpleNamespace(ready="/readyz")}
    return SimpleNamespace(
        http=SimpleNamespace(get=lambda *_, **__: answer), profile=SimpleNamespace(services=services)
    )


def line(*, dependency: object = f"http://{API}", after_s: float = 1.0) -> str:
    return json.dumps({"ts": (NOW + timedelta(seconds=after_s)).isoformat(), "dependency": dependency})


@pytest.mark.parametrize(
    ("status", "dependency", "felt"),
    [(503, "redis", True), (503, "postgres", False), (200, "redis", False), (None, "redis", False)],
)
def test_who_calls_a_dependency_lost_has_felt_it(status: int | None, dependency: str, felt: bool) -> None:
    assert loses(answering(status, READY), Instance("api", "api-2", API), dependency)() is felt


@pytest.mark.parametrize(
    ("text", "felt"),
    [
        (line(), True),
        (line(after_s=-1.0), False),
        (line(dependency="http://127.77.0.42:18012"), False),
        (json.dumps({"ts": NOW.isoformat(), "message": "nothing of that"}), False),
        ("no JSON", False),
        ("[]", False),
    ],
)
def test_who_has_written_it_down_since_has_felt_it(text: str, felt: bool) -> None:
    assert noted(text, API, NOW) is felt


def test_what_a_log_said_before_is_not_counted() -> None:
    lines = [line(after_s=(datetime.now(UTC) - NOW).total_seconds() - 60.0)]
    handle: Any = SimpleNamespace(platform=SimpleNamespace(logs=lambda _: lines))
    felt = notes(handle, "frontend-1", API)

    assert not felt()
    lines.append(line(after_s=(datetime.now(UTC) - NOW).total_seconds() + 60.0))
    assert felt()


@pytest.mark.parametrize(
    ("status", "took_s", "felt"), [(200, 0.1, False), (200, 0.4, True), (502, 0.1, True), (None, 1.0, True)]
)
def test_who_waits_or_is_sent_away_has_felt_it(status: int | None, took_s: float, felt: bool) -> None:
    assert keeps_waiting(answering(status, took_s=took_s), "api:/version")() is felt


def test_each_is_asked_until_it_has_felt_it_and_who_never_did_is_named() -> None:
    asked = itertools.count()
    watching = Watching({"late": lambda: next(asked) > 1, "never": lambda: False})
    with watching:
        eventually(lambda: "late" in watching.after_s, within_s=30, what="the late one to feel it")

    assert (list(watching.after_s), watching.unfelt, next(asked)) == (["late"], ["never"], 3)


def test_what_goes_wrong_in_asking_is_told() -> None:
    def broken() -> bool:
        raise KeyError("dependencies")

    with pytest.raises(KeyError), Watching({"broken": broken}):
        pass
