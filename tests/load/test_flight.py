"""Locust itself, with the smallest locustfile, against a server on loopback that can freeze."""

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.load.flying import RATE, SECONDS, crew, fly, locust
from tests.serving import serving
from tests.waiting import wait_for

pytestmark = pytest.mark.alone  # a generator that is kept from its work says so, and nothing else


class Freezing(ThreadingHTTPServer):
    """Answers at once, but for the first `frozen_s` of the time since the first request, during which nobody is answered."""

    request_queue_size = 512
    daemon_threads = True
    frozen_s = 0.0
    one_takes_s = 0.0
    alone = threading.Lock()
    first_s: float | None = None


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        pass

    def do_GET(self) -> None:
        assert isinstance(self.server, Freezing)
        now_s = time.monotonic()
        if self.server.first_s is None:
            self.server.first_s = now_s
        time.sleep(max(0.0, self.server.first_s + self.server.frozen_s - now_s))
        if self.server.one_takes_s:
            with self.server.alone:
                time.sleep(self.server.one_takes_s)
        self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")


@contextmanager
def server(frozen_s: float = 0.0, one_takes_s: float = 0.0) -> Iterator[str]:
    made = Freezing(("127.0.0.1", 0), Handler)
    made.frozen_s, made.one_takes_s = frozen_s, one_takes_s
    with serving(made):
        yield f"http://127.0.0.1:{made.server_port}"


def test_a_server_that_freezes_is_asked_on_schedule_and_pays_for_all_the_time(tmp_path: Path) -> None:
    with server(frozen_s=1.5) as host:
        code, result = fly(tmp_path / "record", host)
    row = result["stages"][0]["rows"][0]
    assert row["due"] == row["served"] >= RATE * SECONDS * 0.95  # nobody waited for anybody
    assert (code, result["outcome"]) == (1, "FAILED")
    assert row["max_ms"] >= 1300  # whoever came first waited for all of it, and half of all for more than half a second
    assert "p95" in " ".join(result["reasons"])


def test_stress_ends_between_what_holds_and_what_does_not(tmp_path: Path) -> None:
    with server(one_takes_s=0.05) as host:  # one after the other: 20 in a second, and 80 within two break any objective
        code, result = fly(tmp_path / "record", host, shape="stress", rate=5)
    (knee,) = result["knees"]
    assert (code, result["outcome"]) == (0, "PASSED"), result["reasons"]
    assert 5 <= knee["held_per_s"] < knee["broke_per_s"] <= 40
    assert any(reason.startswith("look: p") for reason in knee["broke_by"])  # a percentile, whichever was first


def test_a_starved_generator_says_nothing(tmp_path: Path) -> None:
    with server() as host:
        code, result = fly(tmp_path / "record", host, STARVED="1")
    assert (code, result["outcome"]) == (2, "INVALID")
    assert "the generator is saturated" in result["reasons"][0]


def test_zero_traffic_says_nothing(tmp_path: Path) -> None:
    with server() as host:
        code, result = fly(tmp_path / "record", host, rate=0.01)
    assert (code, result["outcome"]) == (2, "INVALID")
    assert "zero arrivals have ended" in result["reasons"][0]


def test_a_server_that_is_not_there_fails_every_arrival(tmp_path: Path) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        code, result = fly(tmp_path / "record", f"http://127.0.0.1:{nobody.getsockname()[1]}")
    row = result["stages"][0]["rows"][0]
    assert (code, result["outcome"], row["served"], row["failed"]) == (1, "FAILED", 0, row["due"])
    assert "refused" in " ".join(result["errors"])


def test_several_workers_share_the_rate_and_the_master_merges_what_they_saw(tmp_path: Path) -> None:
    with server() as host, crew(SMALL_HOST=host) as (workers, master):
        code, result = fly(tmp_path / "record", host, *master)
        assert [worker.wait(60) for worker in workers] == [0, 0]
    row = result["stages"][0]["rows"][0]
    assert (code, result["workers"]) == (0, 2)
    assert RATE * SECONDS * 0.9 <= row["due"] == row["served"] <= RATE * SECONDS * 1.1 + RATE


def test_a_worker_that_dies_is_named_once_and_ends_the_run(tmp_path: Path) -> None:
    record = tmp_path / "record"
    asked = ("--headless", "--rate", str(RATE), "--for", "90", "--record", str(record))
    with server() as host, crew(SMALL_HOST=host) as (workers, master):
        flying = locust(*asked, *master, SMALL_HOST=host)
        try:
            wait_for(lambda: record.is_file() and '"phase": "fly"' in record.read_text(), within_s=60)
            workers[0].kill()
            code = flying.wait(
                80
            )  # sooner than the run would have ended, or the dead worker's tidying would have been waited for
        finally:
            flying.kill()
            flying.wait()
    result = json.loads(record.read_text().splitlines()[-1])["result"]
    assert (code, result["outcome"]) == (2, "INVALID")
    (reason,) = result["reasons"]
    assert "was not heard of for 10 s" in reason
