"""Trials, checks and faults to make figures of."""

from typing import Any

import pytest

from seatrial.expected import Row
from seatrial.outcome import Level, Severity
from seatrial.proof import Proof, Proven, Record


def row(name: str, severity: Severity = Severity.BLOCKER) -> Row:
    """Return a check of the suite that its id begins with."""
    return Row(name, f"{name[:3].lower()}/test_it.py", "test_it", severity, Level.OBSERVE, alone=False)


def trial(fault: str, proof: Proof = Proof.CAUGHT, **more: Any) -> Proven:
    """Return a trial that turned INF-TC-01 red."""
    given: dict[str, Any] = {
        "seen": {"INF-TC-01": "FAILED"},
        "said": {"INF-TC-01": "closed port"},
        "struck": ("port",),
        "tree": "t1",
    }
    return Proven(fault, "process", proof, **{**given, **more})


@pytest.fixture
def record() -> Record:
    """Three faults of four, one of them missed, with checks beside."""
    beside = {"INF-TC-02": "PASSED", "SEC-TC-01": "FAILED"}
    return Record(
        "here",
        "r1",
        "t1",
        "2026-11-01T10:00:00+00:00",
        "2026-11-01T11:00:00+00:00",
        known={name: f"Title of {name}." for name in ("closed", "elsewhere", "silent", "slow", "unasked")},
        elsewhere=["NOT-RUN  elsewhere not applicable"],
        beside={"INF-TC-02": 0.1, "SEC-TC-01": 0.2},
        unasked={"INF-TC-03": "it strikes"},
        trials=[
            trial("closed", beside=beside, said={"INF-TC-01": "closed port", "SEC-TC-01": "no answer"}, duration_s=4),
            trial("silent", Proof.MISSED, seen={"INF-TC-03": "PASSED"}, said={}, reason="was PASSED", duration_s=6),
            trial("slow", Proof.INVALID, seen={}, said={}, reason="not in <effect>", duration_s=20),
        ],
    )


CHECKS = [row("INF-TC-01"), row("INF-TC-02"), row("INF-TC-03"), row("INF-TC-04"), row("SEC-TC-01")]
