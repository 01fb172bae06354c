"""A store over HTTP that answers as it is told: it can lie about what it holds, be slow, never end, or say what is wrong."""

import asyncio
import re
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from threading import Event
from typing import Any

from system.common.config import StorageSettings
from system.common.live import Live
from system.common.s3 import ObjectStore
from tests.serving import answering

COPIED = b"<CopyObjectResult><ETag>e</ETag></CopyObjectResult>"
DENIED = b"<Error><Code>AccessDenied</Code></Error>"
WITHIN_S = 60.0


@dataclass(frozen=True)
class Asked:
    """One request, as it arrived; the names of its headers are in small letters."""

    line: str
    headers: dict[str, str]
    body: bytes


@dataclass
class StandIn:
    """What is answered, and what was asked.

    Attributes:
        body: the object under every key to which nothing was sent.
        code: S3's name of an error, sent instead of an object.
        alive: buckets are there, whatever is answered of objects.
        locked: nothing can be removed.
        announced: the size that is said, None for the true one.
        endless: an object comes again and again, for as long as it is read.
        objects: what was sent, by path and query: `/bucket/key`.
        give: while it is not set, an object that is asked for waits; it is from the beginning.
        reading: set once an object is on its way to a reader.
        arrived: set when the whole of an object has arrived.
        take: while it is not set, what has arrived is neither kept nor answered; it is from the beginning.
        taken: set when an object is kept.
    """

    body: bytes = b""
    status: int = 200
    code: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    alive: bool = False
    locked: bool = False
    announced: int | None = None
    endless: bool = False
    objects: dict[str, bytes] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)
    give: Event = field(default_factory=Event)
    reading: Event = field(default_factory=Event)
    arrived: Event = field(default_factory=Event)
    take: Event = field(default_factory=Event)
    taken: Event = field(default_factory=Event)

    def __post_init__(self) -> None:
        self.give.set()
        self.take.set()

    @contextmanager
    def serving(self) -> Iterator[StorageSettings]:
        """Serve until the block ends; gives what a client is told of it."""
        outer = self

        class Handler(_Handler):
            stand_in = outer

        with answering(Handler) as port:
            place, pair = f"http://127.0.0.1:{port}", Live(("access", "secret"))
            try:
                yield StorageSettings(place, place, "here", pair, "staging", "masters", "previews")
            finally:
                self.endless = False  # lets a reader go that does not end by itself

    def run(self, scenario: Callable[[ObjectStore], Coroutine[Any, Any, None]]) -> None:
        """Serve while a scenario asks, through the product's own client."""

        async def asking(settings: StorageSettings) -> None:
            store = ObjectStore(settings, threads=1, attempts=1, limit_s=30.0)
            try:
                await scenario(store)
            finally:
                store.close()

        with self.serving() as settings:
            asyncio.run(asking(settings))


class _Handler(BaseHTTPRequestHandler):
    stand_in: StandIn
    protocol_version = "HTTP/1.1"  # one that puts waits to be told to go on, which HTTP/1.0 cannot say

    def do_HEAD(self) -> None:
        self._note()
        if self.stand_in.alive and self.path.count("/") == 1:
            self.send_response(200)
            self.end_headers()
        else:
            self._begin(self._object())

    def do_GET(self) -> None:
        self._note()
        self.stand_in.give.wait(WITHIN_S)
        found = self._object()
        if asked := re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", "")):
            found = found[int(asked[1]) : int(asked[2]) + 1]
        self._begin(found)
        self.stand_in.reading.set()
        with suppress(ConnectionError):  # the reader has gone
            self.wfile.write(found)
            while self.stand_in.endless:
                self.wfile.write(found)

    def do_PUT(self) -> None:
        sent = self._note()
        self.stand_in.arrived.set()
        self.stand_in.take.wait(WITHIN_S)
        if "x-amz-copy-source" not in self.headers:
            self.stand_in.objects[self.path] = sent
        self.stand_in.taken.set()
        self._begin(COPIED)
        self.wfile.write(COPIED)

    def do_DELETE(self) -> None:
        self._note()
        if self.stand_in.locked:
            self._begin(DENIED, 403)
            self.wfile.write(DENIED)
            return
        self.stand_in.objects.pop(self.path, None)
        self._begin(b"")

    def _note(self) -> bytes:
        sent = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.stand_in.asked.append(Asked(f"{self.command} {self.path}", headers, sent))
        return sent

    def _object(self) -> bytes:
        if self.stand_in.code:
            return f"<Error><Code>{self.stand_in.code}</Code></Error>".encode()
        return self.stand_in.objects.get(self.path, self.stand_in.body)

    def _begin(self, body: bytes, status: int | None = None) -> None:
        size_bytes = len(body) if self.stand_in.announced is None else self.stand_in.announced
        self.send_response(status or self.stand_in.status)
        self.send_header("Content-Length", str(size_bytes))
        self.send_header("Connection", "close")
        for name, value in self.stand_in.headers.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""
