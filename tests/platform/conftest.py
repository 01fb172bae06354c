"""One real instance for all tests that only talk to it; each begins when the one before has been got over.

All of them run in one worker of `make test`: a second instance would take from both what two processors have to give.
"""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from _pytest.nodeid import NodeId

from system.platforms.local.layout import Layout
from tests.platform.bench import Running, booted, free_layout
from tests.waiting import wait_for


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark what needs a running system, and have one worker run all that shares a state directory.

    `--dist loadgroup` takes what stands behind the last @ of an id for the group. The mark that should put it there does nothing
    under pytest 9.2, without a word (pytest-xdist issue 1386).
    """
    for item in items:
        for shared in ("instance", "used"):
            if shared not in getattr(item, "fixturenames", ()):
                continue
            item.add_marker(pytest.mark.system)
            if hasattr(config, "workerinput"):
                item._id = NodeId.parse(f"{item.nodeid}@{shared}")
                assert item.nodeid.endswith(f"@{shared}"), "the tests that share a system would be torn apart"


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


@pytest.fixture(scope="session")
def used(tmp_path_factory: pytest.TempPathFactory) -> Layout:
    """A state directory that many instances use, one after the other, however the one before has ended."""
    return free_layout(tmp_path_factory.mktemp("used"))
