"""A check that needs a part which the platform does without is not run, and says which."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.bench import OPEN, Bench
from tests.harness.tiny import Tiny


@pytest.fixture
def tiny(tmp_path: Path) -> Iterator[Tiny]:
    bench = Tiny(tmp_path)
    assert bench.seatrial("up").code == 0
    yield bench
    bench.end()


def test_what_a_check_needs_decides_whether_it_is_run(tiny: Tiny) -> None:
    tiny.suite(
        OPEN.replace('component="port"', 'component="port", needs=("lamp",)')
        + OPEN.replace("INF-TC-01", "INF-TC-02")
        .replace("test_open", "test_other")
        .replace('component="port"', 'component="port", needs=("lamp", "beacon")')
    )

    run = tiny.pytest()

    assert run.code == 2, run.output
    assert (run.outcome("INF-TC-01"), run.outcome("INF-TC-02")) == ("PASSED", "NOT-RUN")
    assert run.reason("INF-TC-02") == "nothing runs beacon here: `seatrial logs platform` says why"


EMPTY = """
@check("INF-TC-03", severity=BLOCKER, component="port", needs=("lamp",))
def test_empty(observe):
    '''It measures nothing.'''
"""


def test_asking_what_runs_is_no_measure_of_the_checks_own(tiny: Tiny) -> None:
    tiny.suite(EMPTY)

    run = tiny.pytest()

    assert (run.code, run.outcome("INF-TC-03")) == (2, "INVALID"), run.output
    assert run.reason("INF-TC-03").startswith("nothing was measured")


def test_without_a_platform_nothing_that_needs_its_parts_is_run(bench: Bench) -> None:
    bench.suite(OPEN.replace('component="port"', 'component="port", needs=("lamp",)'))

    run = bench.pytest()

    assert (run.code, run.outcome("INF-TC-01")) == (2, "NOT-RUN"), run.output
    assert run.reason("INF-TC-01") == "nothing runs lamp here: the profile names no platform"
