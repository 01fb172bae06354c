"""Callers beside a drill: what is judged of them, and when nothing is."""

from typing import cast
from unittest.mock import create_autospec

import pytest

from seatrial import Disrupt, Invalid
from seatrial.drills import Drill
from seatrial.traffic import Shot, Traffic
from suites.client import Session
from suites.dr._callers import Callers


def callers(monkeypatch: pytest.MonkeyPatch, late_s: float) -> Callers:
    """Return eighty answered calls, of which the last five began so late."""
    shots = [Shot(n / 6, n / 6 + (late_s if n >= 75 else 0.0), n / 6 + late_s + 0.1, "") for n in range(80)]
    monkeypatch.setattr(Traffic, "shots", property(lambda _: shots))
    return Callers(cast("Disrupt", None), cast("Session", None), create_autospec(Drill))


def test_a_second_in_which_this_machine_stood_still_hides_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    callers(monkeypatch, late_s=0.98).judge()


def test_a_machine_that_stands_still_for_longer_has_seen_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Invalid, match="too busy a machine"):
        callers(monkeypatch, late_s=3.0).judge()
