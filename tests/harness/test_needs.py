"""A check that needs a part which the platform does without is not run, and says which."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.test_plugin import OPEN
from tests.harness.test_prove import Tiny


@pytest.fixture
def tiny(tmp_path: Path) -> Iterator[Tiny]:
    bench = Tiny(tmp_path)
    assert bench.seatrial("up").code == 0
    yield bench
    bench.seatrial("down")


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
    assert run.reason("INF-TC-02") == "the platform runs no beacon; `seatrial logs platform` says what it misses"
