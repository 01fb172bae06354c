"""A small object store over HTTP for the worker's tests: it keeps what was sent, and can be slow to take it."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler

from tests.serving import answering

WITHIN_S = 30.0


@dataclass
class Store:
    """What the server holds.

    Attributes:
        objects: by path, `/bucket/key`.
        arrived: set when the whole of an object has arrived.
        take: while it is not set, what has arrived is neither kept nor answered.
        taken: set when an object that had to wait is kept.
    """

    endpoint: str = ""
    objects: dict[str, bytes] = field(default_factory=dict)
    arrived: threading.Event = field(default_factory=threading.Event)
    take: threading.Event = field(default_factory=threading.Event)
    taken: threading.Event = field(default_factory=threading.Event)


@contextmanager
def stored() -> Iterator[Store]:
    """Serve a store until the block ends."""
    store = Store()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._answer(200, store.objects[self.path])

        def do_PUT(self) -> None:
            content = self.rfile.read(int(self.headers["Content-Length"]))
            store.arrived.set()
            store.take.wait(WITHIN_S)
            store.objects[self.path] = content
            store.taken.set()
            self._answer(200)

        def do_DELETE(self) -> None:
            store.objects.pop(self.path, None)
            self._answer(204)

        def log_message(self, *_: object) -> None:
            return

        def _answer(self, status: int, content: bytes = b"") -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

    with answering(Handler) as port:
        store.endpoint = f"http://127.0.0.1:{port}"
        yield store
