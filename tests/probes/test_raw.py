"""The byte-wise HTTP probe against servers that answer oddly, late, or not at all."""

import socket
from collections.abc import Callable

import pytest

from seatrial.probes import raw
from seatrial.scope import Meter
from tests.probes.conftest import Serve, answering, read_head, silent

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Request-Id: a\r\n\r\nok"
ASK = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


def ask(serve: Serve, handler: Callable[[socket.socket], None], **how: object) -> raw.RawExchange:
    server = serve(handler)
    given = {"methods": ("GET",), "meter": Meter(), "patience_s": 0.3, "within_s": 3.0, **how}
    return raw.exchange(("127.0.0.1", server.port), [ASK], **given)  # type: ignore[arg-type]


def hang_up(connection: socket.socket) -> None:
    read_head(connection)
    connection.close()


def test_an_answer_is_taken_apart(serve: Serve) -> None:
    seen = ask(serve, answering(OK))

    assert [(each.status, each.headers["x-request-id"], each.body) for each in seen.answers] == [(200, "a", b"ok")]
    assert (seen.rest, seen.error) == (b"", None)


def test_a_second_answer_on_the_connection_is_seen(serve: Serve) -> None:
    seen = ask(serve, answering(OK + OK.replace(b"200", b"404")), methods=("GET", "GET"))

    assert [each.status for each in seen.answers] == [200, 404]


def test_half_an_answer_is_no_answer(serve: Serve) -> None:
    seen = ask(serve, answering(OK[:-1]))

    assert seen.answers == ()
    assert seen.rest == OK[:-1]


def test_silence_ends_after_the_patience(serve: Serve) -> None:
    seen = ask(serve, silent)

    assert (seen.answers, seen.closed) == ((), False)
    assert "still open" in str(seen)


def test_a_closed_connection_is_told(serve: Serve) -> None:
    seen = ask(serve, hang_up)

    assert (seen.answers, seen.connected, seen.closed) == ((), True, True)


def test_nobody_there_is_an_error(unused_tcp_port: int) -> None:
    seen = raw.exchange(("127.0.0.1", unused_tcp_port), [ASK], methods=("GET",), meter=Meter())

    assert (seen.connected, seen.closed) == (False, False)
    assert seen.error is not None
    assert "refused" in seen.error


def test_an_answer_ends_what_is_being_sent_slowly(serve: Serve) -> None:
    server = serve(answering(OK))
    trickle: list[raw.Send] = [b"a", 1.0]
    sent = [ASK, *trickle * 30]

    seen = raw.exchange(("127.0.0.1", server.port), sent, methods=("GET",), meter=Meter(), within_s=40.0)

    assert [each.status for each in seen.answers] == [200]
    assert seen.elapsed_s < 20


@pytest.fixture
def unused_tcp_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    return port
