"""A check, run in this process on a profile."""

from collections.abc import Callable
from pathlib import Path

from seatrial.environment import Environment
from seatrial.errors import Failure, Invalid
from seatrial.impact import CaseFailures, Observe
from seatrial.profile import load
from seatrial.scope import close_clients


def outcome(profile: Path, check: Callable[[Observe], None]) -> tuple[str, str]:
    """Run a check and return how it ended, and what it said."""
    observe = Observe(Environment(load(profile)), "test")
    try:
        check(observe)
    except CaseFailures as failure:
        return "FAILED", " | ".join(f"{finding.case}: {finding.seen}" for finding in failure.findings)
    except Failure as failure:
        return "FAILED", str(failure.seen)
    except Invalid as invalid:
        return "INVALID", str(invalid)
    finally:
        close_clients(observe._environment.clients)
    return "PASSED", ""
