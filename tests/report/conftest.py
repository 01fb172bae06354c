"""A verdict with every outcome in it."""

from dataclasses import replace
from typing import Any

import pytest

from seatrial.outcome import Finding, Footprint, Level, Outcome, Result, Severity
from seatrial.verdict import Ruling, Verdict, rule
from tests.results import result

FAILED = result(
    "INF-RD-03",
    Outcome.FAILED,
    title="Redis refuses new writes rather than dropping queued work.",
    findings=(
        Finding("maxmemory-policy noeviction", "allkeys-lru", "redis"),
        Finding("maxmemory set", "0", "redis-2", case="replica"),
    ),
    evidence={"settings": {"maxmemory": "0", "maxmemory-policy": "allkeys-lru"}, "seen at": ["redis"]},
    footprint=Footprint(2, 1, 120, 2048, 0),
)
WAIVED = result(
    "INF-S3-04",
    Outcome.FAILED,
    component="s3",
    severity=Severity.MAJOR,
    findings=(Finding("a lifecycle rule", "none", "s3"),),
)
MINOR = result(
    "MON-LOG-02",
    Outcome.FAILED,
    suite="monitoring",
    severity=Severity.MINOR,
    findings=(Finding("a trace id", "none", "api-1"),),
    marks=("FLAKY",),
)
INVALID = result("SEC-TLS-03", Outcome.INVALID, suite="security", reason="zero samples", log="Traceback: boom")
NOT_ARMED = result(
    "DR-PG-01", Outcome.NOT_RUN, suite="dr", level=Level.DESTROY, reason="not armed: --arm destroy=local"
)
NOT_APPLICABLE = result("INF-GPU-01", Outcome.NOT_RUN, reason="not applicable: no GPU here", severity=Severity.MINOR)
PASSED = result("INF-PG-01", evidence={"version": "16.14"}, footprint=Footprint(1, 1, 10, 20, 1), component="postgres")

WAIVER = {"owner": "Ada", "reason": "the rule comes with the new bucket", "expires": "2026-12-24"}


def verdict(*results: Result, required: tuple[str, ...] | None = None, **values: Any) -> Verdict:
    needed = tuple(r.id for r in results) if required is None else required
    waivers = values.pop("waivers", {})
    ruling, missing = rule(results, needed, values.get("problems", ()), waivers)
    plain = Verdict(
        ruling=ruling,
        environment="local",
        release="3f2a91c07b1d",
        scope="all",
        level="exercise",
        started_at="2026-11-23T05:34:40+00:00",
        duration_s=71.25,
        results=results,
        required=needed,
        missing=missing,
        timings={"cold start": 11.5, "observe and exercise": 52.0, "serial": 7.75},
        waivers=waivers,
        harness="0.1.0",
    )
    return replace(plain, **values)


@pytest.fixture
def no_go() -> Verdict:
    made = verdict(
        PASSED, FAILED, WAIVED, MINOR, INVALID, NOT_ARMED, NOT_APPLICABLE,
        required=("INF-PG-01", "INF-RD-03", "INF-S3-04", "SEC-TLS-03", "DR-PG-01", "DEP-HEA-01"),
        problems=("filtered by -k",),
        waivers={"INF-S3-04": WAIVER},
    )  # fmt: skip
    assert made.ruling is Ruling.NO_GO
    assert made.missing == ("DEP-HEA-01",)
    return made


@pytest.fixture
def go() -> Verdict:
    made = verdict(PASSED)
    assert made.ruling is Ruling.GO
    return made


@pytest.fixture
def make() -> Any:
    return verdict


@pytest.fixture
def make_result() -> Any:
    return result
