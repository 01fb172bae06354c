import socket
import ssl
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpcore2
import httpx2
import pytest
from httpcore2._backends.sync import SyncStream

from seatrial.errors import HarnessError
from seatrial.facets.http import ExerciseHttp, ObserveHttp, shared_client
from seatrial.probes import wire
from seatrial.scope import Meter, Scope
from tests.probes.conftest import HOST, Serve, answering

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
Build = Callable[..., Scope]


@pytest.mark.parametrize(
    ("url", "via", "absolute"),
    [
        ("api:/livez?x=1", None, "https://api.example.test/livez?x=1"),
        ("https://other.example.test/x", None, "https://other.example.test/x"),
        ("api:/livez", "127.0.0.1:8000", "http://127.0.0.1:8000/livez"),
        ("https://other.example.test/a//b", "127.0.0.1:8000", "http://127.0.0.1:8000/a//b"),
        ("/metrics", "127.0.0.1:8000", "http://127.0.0.1:8000/metrics"),
    ],
)
def test_a_url_is_named_absolute_or_private(scope: Build, url: str, via: str | None, absolute: str) -> None:
    assert ObserveHttp(scope(urls={"api": f"https://{HOST}"})).url(url, via) == absolute


@pytest.mark.parametrize("url", ["app:/livez", "/livez", "livez"])
def test_a_url_that_names_nothing_is_the_checks_error(scope: Build, url: str) -> None:
    with pytest.raises(HarnessError, match="api"):
        ObserveHttp(scope(urls={"api": f"https://{HOST}"})).get(url)


@pytest.mark.parametrize(
    ("request_", "sent", "kind"),
    [
        ({"json": {"a": [1]}}, b'{"a": [1]}', b"application/json"),
        ({"data": {"a": "1 2", "b": "ü"}}, b"a=1+2&b=%C3%BC", b"application/x-www-form-urlencoded"),
        ({"data": "text", "headers": {"content-type": "text/plain"}}, b"text", b"text/plain"),
        ({"data": b"\0raw"}, b"\0raw", b""),
    ],
)
def test_a_body_goes_out_with_its_type(
    serve: Serve, scope: Build, request_: dict[str, object], sent: bytes, kind: bytes
) -> None:
    heard: list[bytes] = []
    server = serve(answering(OK, heard=heard))
    facet = ExerciseHttp(scope(urls={"api": f"http://{HOST}:{server.port}"}, resolve={HOST: server.address}))
    assert facet.post("api:/v1", **request_).status == 200
    head, _, body = heard[0].partition(b"\r\n\r\n")
    kinds = [line.split(b": ")[1] for line in head.split(b"\r\n") if line.lower().startswith(b"content-type")]
    assert (body, kinds) == (sent, [kind] if kind else [])


def test_a_request_has_one_body(scope: Build) -> None:
    with pytest.raises(HarnessError, match="either json or data"):
        ExerciseHttp(scope()).put("http://127.0.0.1:1/", json={}, data=b"")


def test_threads_that_come_first_at_the_same_time_get_the_same_client(
    scope: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    inside, both = scope(), threading.Barrier(2)
    make = wire.client

    def slow(*given: Any) -> httpx2.Client:
        both.wait(10)
        return make(*given)

    monkeypatch.setattr(wire, "client", slow)
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(lambda _: shared_client(inside), range(2))
    assert first is second


def test_a_connection_whose_time_is_up_before_its_handshake_is_closed() -> None:
    ours, theirs = socket.socketpair()
    token = wire.BUDGET.set(wire.Budget(time.monotonic() - 1, Meter()))
    with theirs, pytest.raises(httpcore2.ConnectTimeout):
        wire._Stream(SyncStream(ours)).start_tls(ssl.create_default_context())
    wire.BUDGET.reset(token)
    assert ours.fileno() == -1
