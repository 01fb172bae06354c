"""An object store of few words: it has one object, of any size, and remembers what it was asked."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread

from system.common.config import StorageSettings
from system.common.live import Live

BLOCK = bytes(1024 * 1024)


@dataclass
class ObjectServer:
    """Serve one object under every key, of zeros, whose checksum it does not know.

    Attributes:
        endpoint: its URL.
        size_bytes: of the object.
        asked: the method and the bucket of each request.
        reading: set once somebody reads the object.
    """

    endpoint: str = ""
    size_bytes: int = 0
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
            self._begin()

        def do_GET(self) -> None:
            self._begin()
            store.reading.set()
            left = store.size_bytes
            try:
                while left:
                    left -= self.wfile.write(BLOCK[:left])
            except ConnectionError:
                pass  # the reader has gone

        def _begin(self) -> None:
            store.asked.append((self.command, self.path.split("/")[1]))
            self.send_response(200)
            self.send_header("Content-Length", str(store.size_bytes))
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        store.endpoint = f"http://127.0.0.1:{server.server_port}"
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield store
        server.shutdown()
        thread.join(10)
