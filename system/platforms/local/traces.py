"""Collects spans by OTLP over HTTP, and gives the trace of one request.

    POST /v1/traces        what OpenTelemetry's exporters send, as protobuf
    GET  /traces/TRACE_ID  {"spans": [...]}, by the time at which they began; 404 where there is none
    GET  /metrics

What is kept is bounded by age and by number: the oldest spans go first.
"""

import argparse
import json
import sqlite3
import sys
import threading
import time
from collections.abc import Iterable
from dataclasses import astuple, fields
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from prometheus_client import CONTENT_TYPE_LATEST, Counter, generate_latest

from system.platforms.local.door import Door
from system.platforms.local.layout import Layout
from system.platforms.local.otlp import Span, spans
from system.platforms.local.parts.traces import NAME

_LARGEST_BYTES = 8 << 20
_TIDY_EVERY_S = 30.0
_PROTOBUF = "application/x-protobuf"
_COLUMNS = tuple(each.name for each in fields(Span))
_RECEIVED = Counter("traces_spans_received", "Spans received, by the service that sent them", ["service"])


class Store:
    """Keeps spans in a file.

    Args:
        file: the database; one that is there already is gone on with.
        kept_s: how long a span is kept.
        kept_spans: how many are, about.
    """

    def __init__(self, file: Path, kept_s: float, kept_spans: int) -> None:
        self._kept_s, self._kept_spans = kept_s, kept_spans
        self._lock = threading.Lock()
        self._database = sqlite3.connect(file, check_same_thread=False, isolation_level=None)
        self._database.execute("pragma journal_mode = wal")
        self._database.execute("pragma synchronous = off")  # a machine's crash may take the last spans along
        self._database.execute(f"create table if not exists spans (came_s real, {', '.join(_COLUMNS)})")
        self._database.execute("create index if not exists spans_trace on spans (trace)")

    def add(self, found: Iterable[Span], now_s: float) -> None:
        """Keep spans."""
        rows = [
            (now_s, *(json.dumps(each) if isinstance(each, dict) else each for each in astuple(one))) for one in found
        ]
        with self._lock:
            self._database.execute("begin")
            self._database.executemany(f"insert into spans values ({', '.join('?' * (len(_COLUMNS) + 1))})", rows)  # noqa: S608
            self._database.execute("commit")

    def trace(self, trace: str) -> list[dict[str, Any]]:
        """List the spans of a trace, oldest first."""
        query = f"select {', '.join(_COLUMNS)} from spans where trace = ? order by start_ns"  # noqa: S608 - names of fields
        with self._lock:
            rows = self._database.execute(query, (trace,)).fetchall()
        found = [dict(zip(_COLUMNS, row, strict=True)) for row in rows]
        return [each | {"failed": bool(each["failed"]), "attributes": json.loads(each["attributes"])} for each in found]

    def tidy(self, now_s: float) -> None:
        """Drop what is too old, and the oldest of what is too much."""
        with self._lock:
            self._database.execute("delete from spans where came_s < ?", (now_s - self._kept_s,))
            newest = self._database.execute("select max(rowid) from spans").fetchone()[0] or 0
            self._database.execute("delete from spans where rowid <= ?", (newest - self._kept_spans,))


def handler(store: Store) -> type[Door]:
    """Make the handler of requests."""

    class Taking(Door):
        protocol_version = "HTTP/1.1"  # exporters keep their connections
        timeout = 30

        def do_GET(self) -> None:
            """Give a trace, or the figures."""
            if self.path == "/metrics":
                self.answer(200, generate_latest(), CONTENT_TYPE_LATEST)
                return
            above, _, trace = self.path.rpartition("/")
            found = store.trace(trace) if above == "/traces" else []
            self.answer(200 if found else 404, json.dumps({"spans": found}).encode(), "application/json")

        def do_POST(self) -> None:
            """Take spans."""
            size = int(self.headers.get("Content-Length") or 0)
            if self.path != "/v1/traces" or not 0 < size <= _LARGEST_BYTES:
                self.close_connection = True  # what it sends is not read
                self.answer(404)
                return
            body = self.rfile.read(size)
            if self.headers.get("Content-Type") != _PROTOBUF or self.headers.get("Content-Encoding"):
                self.answer(415, b"only protobuf, not compressed")
                return
            try:
                found = spans(body)
            except ValueError as error:
                self.answer(400, f"not understood: {error}".encode())
                return
            store.add(found, time.time())
            for each in found:
                _RECEIVED.labels(each.service).inc()
            self.answer(200, ExportTraceServiceResponse().SerializeToString(), _PROTOBUF)

    return Taking


def main(arguments: list[str]) -> None:
    """Collect for ever."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--base-port", type=int, required=True)
    parser.add_argument("--kept-s", type=float, required=True)
    parser.add_argument("--kept-spans", type=int, required=True)
    options = parser.parse_args(arguments)
    layout = Layout.of(options.state, options.base_port)
    store = Store(layout.data / f"{NAME}.sqlite", options.kept_s, options.kept_spans)
    place = layout.addresses.endpoint(NAME)
    server = ThreadingHTTPServer((place.address, place.port), handler(store))
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    while True:
        store.tidy(time.time())
        time.sleep(_TIDY_EVERY_S)


if __name__ == "__main__":
    main(sys.argv[1:])
