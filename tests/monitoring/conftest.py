"""A pager's end with a door of its own, and nothing in it yet."""

import threading
from collections.abc import Iterator
from http.server import ThreadingHTTPServer
from pathlib import Path

import pytest

from system.platforms.local.pager import Inbox, handler


@pytest.fixture
def inbox(tmp_path: Path) -> Inbox:
    return Inbox(tmp_path / "pager.jsonl", silence_s=12.0)


@pytest.fixture
def door(inbox: Inbox) -> Iterator[str]:
    """Where it listens, as host:port."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler(inbox))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()
