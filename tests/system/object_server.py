"""An object store of few words: it has one object, of any size, and remembers what it was asked."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from threading import Event
from types import SimpleNamespace
from typing import Any, cast

from system.api.services import Services
from system.common.config import StorageSettings
from system.common.live import Live
from system.common.s3 import ObjectStore
from tests.serving import answering

BLOCK = bytes(1024 * 1024)
COPIED = b"<CopyObjectResult><ETag>e</ETag></CopyObjectResult>"
REFUSED = b"<Error><Code>AccessDenied</Code></Error>"
RETAINED = b"<Retention><Mode>COMPLIANCE</Mode><RetainUntilDate>2100-01-01T00:00:00Z</RetainUntilDate></Retention>"
NOTHING = cast("Any", None)
WITHIN_S = 60.0


@dataclass
class ObjectServer:
    """Serve one object under every key, of zeros, whose checksum it does not know; once it is locked it cannot be deleted.

    Attributes:
        endpoint: its URL.
        size_bytes: of the object.
        locked: the object is.
        asked: the method and the bucket of each request.
        reading: set once somebody reads the object.
    """

    endpoint: str = ""
    size_bytes: int = 0
    locked: bool = False
    asked: list[tuple[str, str]] = field(default_factory=list)
    reading: Event = field(default_factory=Event)

    @property
    def settings(self) -> StorageSettings:
        """Tell a client of it."""
        keys = Live(("access", "secret"))
        return StorageSettings(self.endpoint, "https://s3.test", "here", keys, "staging", "masters", "previews")


@contextmanager
def object_server() -> Iterator[ObjectServer]:
    """Have one until the end of `with`."""
    store = ObjectServer()

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self._answer(store.size_bytes)

        def do_GET(self) -> None:
            if "retention" in self.path:
                self._answer(len(RETAINED), RETAINED)
                return
            left = store.size_bytes
            self._answer(left)
            store.reading.set()
            try:
                while left:
                    left -= self.wfile.write(BLOCK[:left])
            except ConnectionError:
                pass  # the reader has gone

        def do_PUT(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            store.locked |= "retention" in self.path or "x-amz-object-lock-mode" in self.headers
            self._answer(len(COPIED), COPIED)

        def do_DELETE(self) -> None:
            self._answer(*((len(REFUSED), REFUSED, 403) if store.locked else (0, b"", 204)))

        def _answer(self, length: int, body: bytes = b"", status: int = 200) -> None:
            store.asked.append((self.command, self.path.split("/")[1]))
            self.send_response(status)
            self.send_header("Content-Length", str(length))
            self.send_header("x-amz-version-id", "v1")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with answering(Handler) as port:
        store.endpoint = f"http://127.0.0.1:{port}"
        yield store


def with_services(server: ObjectServer, work: Callable[[Services], Awaitable[None]], *, limit_s: float = 60.0) -> None:
    """Let a coroutine work with that store alone, and with one thread for what takes long."""

    async def run() -> None:
        store, bulk = ObjectStore(server.settings), ObjectStore(server.settings, threads=1, limit_s=limit_s)
        settings = cast("Any", SimpleNamespace(storage=server.settings, master_retention_s=1))
        try:
            await bulk.run(lambda _s3: None, WITHIN_S)  # the client is built
            await work(Services(settings, NOTHING, NOTHING, NOTHING, store, bulk, NOTHING, NOTHING))
        finally:
            store.close()
            bulk.close()

    asyncio.run(run())
