"""One real instance for all tests that only talk to it."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from system.platforms.local.layout import Layout
from tests.platform.bench import Running, booted, free_layout


@pytest.fixture(scope="session")
def running() -> Iterator[Running]:
    with tempfile.TemporaryDirectory(prefix="seatrial-") as directory, booted(free_layout(Path(directory))) as instance:
        yield instance


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    """A state directory of its own and free ports."""
    return free_layout(tmp_path)
