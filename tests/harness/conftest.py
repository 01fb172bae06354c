"""Fixtures for tests that run suites from outside."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.bench import Bench
from tests.harness.tiny import Tiny


@pytest.fixture
def listener() -> Iterator[int]:
    """A port on loopback that accepts."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield int(server.getsockname()[1])


@pytest.fixture
def bench(tmp_path: Path, listener: int) -> Bench:
    """A folder with a profile without a platform and one suite."""
    return Bench(tmp_path, listener)


@pytest.fixture
def tiny(tmp_path: Path) -> Iterator[Tiny]:
    """A folder with a platform of one port, and a fault of it."""
    bench = Tiny(tmp_path)
    yield bench
    bench.end()
