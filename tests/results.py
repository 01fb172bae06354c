"""Results of checks that never ran, for tests of what is made of results."""

from dataclasses import replace
from typing import Any

from seatrial.outcome import Level, Outcome, Result, Severity


def result(name: str, outcome: Outcome = Outcome.PASSED, **values: Any) -> Result:
    """Return how a check ended, with any field of it set to something else."""
    plain = Result(
        id=name,
        suite="infra",
        title=f"What {name} says holds.",
        severity=Severity.BLOCKER,
        level=Level.OBSERVE,
        component="redis",
        outcome=outcome,
        duration_s=0.25,
        started_at="2026-11-23T05:34:42+00:00",
        repeat=f"pytest suites/infra/test_redis.py::test_{name.lower()}",
        runbook=f"docs/runbooks/infra.md#{name.lower()}",
    )
    return replace(plain, **values)
