"""Whether MON-05 sees what was written last, in logs whose lines come late, and says so where they have gone."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from seatrial.environment import Environment
from seatrial.impact import Exercise
from seatrial.profile import load
from suites.monitoring import test_logs as logs
from suites.monitoring.test_logs import (
    test_logs_are_structured_and_lead_to_a_request_and_hold_no_secret as logs_hold_no_secret,
)
from tests.checking import ended

PASSWORD = "correct horse battery staple"


class Api:
    """An instance whose lines are in its log when it was read once more, and which keeps so many."""

    def __init__(self, keeps: int = 100) -> None:
        self.keeps, self.pending, self.written = keeps, list[str](), list[str]()

    def get(self, _url: str, *, via: str, headers: Mapping[str, str]) -> None:
        self.write(request_id=headers["X-Request-Id"], trace_id=headers["traceparent"].split("-")[1])

    def write(self, **more: object) -> None:
        line = {
            "ts": datetime.now(UTC).isoformat(),
            "level": "info",
            "service": "api",
            "instance": "api-1",
            "release": "r",
            "message": "request",
            "logger": "system.access",
            "request_id": "",
            "trace_id": "",
        }
        self.pending.append(json.dumps(line | dict.fromkeys(logs.OF_A_REQUEST, 1) | more))

    def logs(self, _part: str, _lines: int) -> list[str]:
        seen = self.written[-self.keeps :]
        self.written += self.pending
        self.pending.clear()
        return seen


def judged(monkeypatch: pytest.MonkeyPatch, folder: Path, api: Api, *, leaks: bool, after: int = 0) -> tuple[str, str]:
    """Ask about an instance which writes a secret, or only lines without one, while somebody uses it."""

    def say(_: Exercise) -> dict[str, str]:
        for _number in range(after):
            api.write()
        api.write(query=PASSWORD if leaks else "")
        return {"the password": PASSWORD}

    file = folder / "here.toml"
    file.write_text(
        f'name = "here"\nmax_impact = "exercise"\ntree = {json.dumps(str(folder))}\n[urls]\napi = "http://127.0.0.1:1"\n'
        '[services.api.instances]\napi-1 = "127.0.0.1:1"\n'
    )
    exercise: Any = Exercise(Environment(load(file)), "test")
    exercise.http = exercise.platform = api
    monkeypatch.setattr(logs, "_say_secrets", say)
    return ended(exercise, logs_hold_no_secret)


def test_a_log_without_secrets_is_right(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert judged(monkeypatch, tmp_path, Api(), leaks=False) == ("PASSED", "")


def test_a_secret_in_the_last_line_is_waited_for(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert judged(monkeypatch, tmp_path, Api(), leaks=True) == (
        "FAILED",
        "api-1 gives nothing away: the password",
    )


def test_a_log_that_has_lost_the_first_line_says_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    outcome, said = judged(monkeypatch, tmp_path, Api(keeps=3), leaks=False, after=5)

    assert outcome == "INVALID"
    assert "the first request to api-1 is not among" in said
