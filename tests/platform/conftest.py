"""One real instance for all tests that only talk to it; each begins when the one before has been got over.

There is one in each worker of `make test` that meets such tests; the files are shared out among them by their `xdist_group`.
"""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from system.platforms.local.layout import Layout
from tests.platform.bench import Running, booted, free_layout, wait_for


@pytest.fixture(scope="session")
def instance() -> Iterator[Running]:
    with tempfile.TemporaryDirectory(prefix="seatrial-") as directory, booted(free_layout(Path(directory))) as up:
        yield up


@pytest.fixture
def running(instance: Running) -> Running:
    """Wait for every service: a part that a test killed is ready before its clients have found it again.

    Redis and PostgreSQL are as shipped, too: a primary that a test took away for a second, or that a busy machine did not let
    answer in time, may have lost its role.
    """
    for first in ("redis", "postgres"):
        if instance.part(first)["role"] != "primary":
            instance.post("switchover", {"to": first})
    wait_for(lambda: not instance.unready(), 30)
    return instance


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    """A state directory of its own and free ports."""
    return free_layout(tmp_path)
