"""A store over HTTP that answers every request alike, and so can lie: about what it holds, its size, or what is wrong."""

import asyncio
import http.server
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

from system.common.config import StorageSettings
from system.common.live import Live
from system.common.s3 import ObjectStore
from tests.serving import answering


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
        code: S3's name of an error, sent instead of the body.
        announced: the size that is said, None for the true one.
    """

    body: bytes = b""
    status: int = 200
    code: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    announced: int | None = None
    asked: list[Asked] = field(default_factory=list)

    def run(self, scenario: Callable[[ObjectStore], Coroutine[Any, Any, None]]) -> None:
        """Serve while a scenario asks, through the product's own client."""

        async def asking(port: int) -> None:
            place, pair = f"http://127.0.0.1:{port}", Live(("access", "secret"))
            settings = StorageSettings(place, place, "here", pair, "staging", "masters", "previews")
            store = ObjectStore(settings, threads=1, attempts=1, limit_s=30.0)
            try:
                await scenario(store)
            finally:
                store.close()

        with answering(self._handler()) as port:
            asyncio.run(asking(port))

    def _handler(self) -> type[http.server.BaseHTTPRequestHandler]:
        stand_in = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def answer(self) -> None:
                sent = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                headers = {name.lower(): value for name, value in self.headers.items()}
                stand_in.asked.append(Asked(f"{self.command} {self.path}", headers, sent))
                body = f"<Error><Code>{stand_in.code}</Code></Error>".encode() if stand_in.code else stand_in.body
                self.send_response(stand_in.status)
                self.send_header("Content-Length", str(len(body) if stand_in.announced is None else stand_in.announced))
                for name, value in stand_in.headers.items():
                    self.send_header(name, value)
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

            do_GET = do_HEAD = do_PUT = answer  # noqa: N815 - the names that http.server calls

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        return Handler
