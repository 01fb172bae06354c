"""What is kept of the parts' logs: redacted, with what a part or the platform could not tell in its place."""

from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from seatrial import kept
from seatrial.environment import Environment
from seatrial.errors import EnvironmentFault
from seatrial.plugin import _logs
from seatrial.secrecy.redaction import Redactor

SECRET = "correct-horse-battery"


class Platform:
    """Two parts, one of which has no log."""

    calls = frozenset({"logs"})

    def __init__(self, socket: Path) -> None:
        self.socket = socket

    def status(self) -> SimpleNamespace:
        if not self.socket.name:
            raise EnvironmentFault("the platform does not answer")
        return SimpleNamespace(calls=self.calls, parts={"api-1": None, "serving": None})

    def logs(self, part: str, lines: int) -> list[str]:
        assert lines == _logs.LINES
        if part == "serving":
            raise EnvironmentFault("there is no log of 'serving'")
        return ["started", f"signed in with {SECRET}"]


def logged(
    monkeypatch: pytest.MonkeyPatch, folder: Path, socket: str = "control.sock"
) -> dict[str, dict[str, str] | str]:
    """Keep the logs of an environment with a secret, below a folder."""
    monkeypatch.chdir(folder)
    monkeypatch.setattr(_logs, "PlatformClient", Platform)
    profile = SimpleNamespace(name="here", platform=SimpleNamespace(socket=Path(socket)))
    return _logs.keep_logs(cast("Environment", SimpleNamespace(profile=profile, redactor=Redactor([SECRET]))))


def test_each_part_is_kept_without_secrets(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    ((_, file),) = kept.named(logged(monkeypatch, tmp_path))

    lines = (tmp_path / kept.OUT / file).read_text().splitlines()
    assert lines[:2] == ["== api-1", "started"]
    assert SECRET not in lines[2]
    assert lines[3:] == ["", "== serving", "there is no log of 'serving'"]


def test_a_platform_that_does_not_answer_is_told_of(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    ((_, file),) = kept.named(logged(monkeypatch, tmp_path, socket=""))

    assert (tmp_path / kept.OUT / file).read_text() == "the platform does not answer\n"


def test_where_none_are_offered_none_are_kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(Platform, "calls", frozenset[str]())
    assert logged(monkeypatch, tmp_path) == {}


def test_a_disk_that_takes_nothing_costs_no_finding(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(kept, "keep", full)
    assert logged(monkeypatch, tmp_path) == {kept.LOGS: "could not be kept: [Errno 28] No space left on device"}
