"""Seatrial gives a deployed environment its sea trial. This is what suites and faults may use."""

from seatrial.errors import Failure, Invalid, require
from seatrial.eventually import eventually
from seatrial.impact import Destroy, Disrupt, Exercise, Observe
from seatrial.outcome import Severity
from seatrial.registry import Plan, check, fault

BLOCKER, MAJOR, MINOR = Severity.BLOCKER, Severity.MAJOR, Severity.MINOR

__all__ = [
    "BLOCKER",
    "MAJOR",
    "MINOR",
    "Destroy",
    "Disrupt",
    "Exercise",
    "Failure",
    "Invalid",
    "Observe",
    "Plan",
    "check",
    "eventually",
    "fault",
    "require",
]
