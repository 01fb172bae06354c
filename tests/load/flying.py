"""Start Locust itself, with the smallest locustfile, and somebody whom it can ask."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

from tests.serving import answering

LOCUSTFILE = Path(__file__).with_name("small_locustfile.py")
RATE, SECONDS = 40, 2


def locust(*arguments: str, **variables: str) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [sys.executable, "-m", "locust", "-f", str(LOCUSTFILE), *arguments],
        env={**os.environ, **variables},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def fly(
    record: Path, host: str, *more: str, shape: str = "baseline", rate: float = RATE, **variables: str
) -> tuple[int, dict[str, Any]]:
    asked = ("--headless", "--shape", shape, "--rate", str(rate), "--for", str(SECONDS))
    code = locust(*asked, "--record", str(record), *more, SMALL_HOST=host, **variables).wait(120)
    lines = [json.loads(line) for line in record.read_text().splitlines()]
    return code, lines[-1]["result"]


@contextmanager
def crew(**variables: str) -> Iterator[tuple[list["subprocess.Popen[bytes]"], list[str]]]:
    """Start two workers; give them, and what their master is to be told."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    workers = [locust("--worker", "--master-host", "127.0.0.1", "--master-port", port, **variables) for _ in range(2)]
    try:
        yield (
            workers,
            ["--master", "--expect-workers", "2", "--master-bind-host", "127.0.0.1", "--master-bind-port", port],
        )
    finally:
        for worker in workers:
            worker.kill()
            worker.wait()


@contextmanager
def counting() -> Iterator[tuple[str, list[str]]]:
    """Serve, and give the address with what has been asked."""
    asked: list[str] = []

    class Counting(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

        def do_GET(self) -> None:
            asked.append(self.path)
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    with answering(Counting) as port:
        yield f"http://127.0.0.1:{port}", asked
