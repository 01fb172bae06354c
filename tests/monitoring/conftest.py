"""A pager's end with a door of its own, and nothing in it yet."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from system.platforms.local.pager import Inbox, handler
from tests.serving import answering


@pytest.fixture
def inbox(tmp_path: Path) -> Inbox:
    return Inbox(tmp_path / "pager.jsonl", silence_s=12.0)


@pytest.fixture
def door(inbox: Inbox) -> Iterator[str]:
    """Where it listens, as host:port."""
    with answering(handler(inbox)) as port:
        yield f"127.0.0.1:{port}"
