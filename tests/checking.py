"""A check, run in this process on a profile or a handle."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from seatrial.cases import CaseFailures
from seatrial.environment import Environment
from seatrial.errors import Failure, Invalid
from seatrial.impact import Observe
from seatrial.profile import load
from seatrial.scope import close_clients

Handle = TypeVar("Handle", bound=Observe)


def outcome(profile: Path, check: Callable[[Observe], None]) -> tuple[str, str]:
    """Run a check that observes and return how it ended, and what it said."""
    return ended(Observe(Environment(load(profile)), "test"), check)


def ended(handle: Handle, check: Callable[[Handle], None]) -> tuple[str, str]:
    """Run a check on a handle, which is closed, and return how it ended, and what it said."""
    try:
        check(handle)
    except CaseFailures as failure:
        return "FAILED", " | ".join(f"{finding.case}: {finding.seen}" for finding in failure.findings)
    except Failure as failure:
        return "FAILED", str(failure.seen)
    except Invalid as invalid:
        return "INVALID", str(invalid)
    finally:
        close_clients(handle._environment.clients)
    return "PASSED", ""
