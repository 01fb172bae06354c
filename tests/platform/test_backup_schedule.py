"""The schedule of backups, with stand-ins for Barman and the server: what follows when a part of it fails."""

import datetime as dt
import subprocess
from dataclasses import dataclass, field
from typing import Any

import pytest
from prometheus_client import REGISTRY

from system.platforms.local import backups
from system.platforms.local.layout import Layout
from system.platforms.local.parts.backups import EVERY


class EnoughError(Exception):
    """So many beats are enough."""


@dataclass
class Barman:
    """Keeps when each backup ended; the tool `fails` ends with an error."""

    fails: str
    ends: list[dt.datetime] = field(default_factory=lambda: [dt.datetime.now(dt.UTC) - EVERY])
    called: list[str] = field(default_factory=list)

    def run(self, _layout: Layout, tool: str, *_arguments: str) -> None:
        self.called.append(tool)
        if tool == self.fails:
            raise subprocess.CalledProcessError(1, tool)
        if tool == "backup":
            self.ends.append(dt.datetime.now(dt.UTC))


def follow(layout: Layout, monkeypatch: pytest.MonkeyPatch, barman: Barman, beats: int) -> None:
    """Follow the schedule for some beats, which take no time."""
    left = iter(range(beats))

    def sleep(_seconds: float) -> None:
        if next(left, None) is None:
            raise EnoughError

    nothing: Any = lambda *_arguments, **_named: ""  # noqa: E731 - three stand-ins for one line
    monkeypatch.setattr(backups, "_AGAIN_S", 0.0)
    monkeypatch.setattr(backups, "_run", barman.run)
    monkeypatch.setattr(backups, "_ends", lambda _layout: list(barman.ends))
    monkeypatch.setattr(backups, "end_segment", nothing)
    monkeypatch.setattr(backups, "start_http_server", nothing)
    monkeypatch.setattr("time.sleep", sleep)
    with pytest.raises(EnoughError):
        backups.main([f"--state={layout.state}", f"--base-port={layout.addresses.base_port}"])


def test_a_clean_up_that_fails_is_counted_and_calls_for_no_other_backup(
    layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = REGISTRY.get_sample_value("backup_clean_up_failures_total") or 0.0
    barman = Barman(fails="backup-delete")
    follow(layout, monkeypatch, barman, beats=3)
    assert barman.called == ["backup", "backup-delete"]
    assert REGISTRY.get_sample_value("backup_newest_timestamp_seconds") == barman.ends[-1].timestamp()
    assert REGISTRY.get_sample_value("backup_clean_up_failures_total") == before + 1
    assert REGISTRY.get_sample_value("backup_failures_total") == 0.0
