"""What MON-03 takes for a page in time, by a pager that takes half a second for each answer."""

import sys
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from seatrial.environment import Environment
from seatrial.impact import Observe
from seatrial.profile import load
from suites.monitoring import _watch as watch
from suites.monitoring import test_pages as pages
from suites.monitoring._watch import Message
from suites.monitoring.test_pages import test_a_page_reaches_people_with_its_runbook as a_page_reaches_people
from tests.checking import ended

WITHIN_S, ANSWERED_S = 20.0, 0.5


class Pager:
    """The pager, the platform and everybody's clock: each way tells so many seconds after the strike, and after the undo."""

    def __init__(self, after_s: Mapping[str, float]) -> None:
        self._after_s, self._now_s, self._messages = after_s, 100.0, list[Message]()

    def monotonic(self) -> float:
        return self._now_s

    def sleep(self, seconds: float) -> None:
        self._now_s += seconds

    def stop(self, _: str) -> None:
        self._tell(pages.FIRING)

    def undo(self) -> None:
        self._tell(pages.RESOLVED)

    def received(self, _: Observe) -> list[Message]:
        there = [each for each in self._messages if each.at <= self._now_s]
        self._now_s += ANSWERED_S
        return there

    def _tell(self, title: str) -> None:
        self._messages += [Message(self._now_s + after_s, way, title, "", "") for way, after_s in self._after_s.items()]


def judged(monkeypatch: pytest.MonkeyPatch, folder: Path, **after_s: float) -> tuple[str, str]:
    pager = Pager(after_s)
    monkeypatch.setattr(sys.modules["seatrial.eventually"], "time", pager)
    monkeypatch.setattr(pages, "time", pager)
    monkeypatch.setattr(pages, "_require_section", lambda *_: None)
    for name, answer in (("received", pager.received), ("rules", lambda _: []), ("firing", lambda _: set())):
        monkeypatch.setattr(watch, name, answer)
    file = folder / "here.toml"
    file.write_text(f'name = "here"\nmax_impact = "observe"\ntree = "."\n[urls]\n[targets]\npage_s = {WITHIN_S}\n')
    disrupt: Any = Observe(Environment(load(file)), "test")
    disrupt.platform, disrupt.undo = SimpleNamespace(stop=pager.stop), pager.undo
    return ended(disrupt, a_page_reaches_people)


def test_pages_that_come_in_time_by_both_ways_are_right(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert judged(monkeypatch, tmp_path, slack=3.0, mail=19.0) == ("PASSED", "")


def test_a_way_has_no_less_time_for_what_another_one_took(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert judged(monkeypatch, tmp_path, mail=3.0) == ("FAILED", "slack fires: ['mail: FIRING InstanceDown edge-2']")


def test_a_page_that_comes_after_its_time_is_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    seen = judged(monkeypatch, tmp_path, slack=3.0, mail=WITHIN_S + 1.0)

    assert seen == ("FAILED", "mail fires: ['slack: FIRING InstanceDown edge-2']")
