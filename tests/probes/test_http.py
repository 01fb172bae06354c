import contextlib
import hashlib
import socket
import struct
from collections.abc import Iterator

import httpx2
import pytest

from seatrial.errors import Failure
from seatrial.probes import http, wire
from seatrial.probes.http import HttpAnswer
from seatrial.scope import Meter
from tests.probes.conftest import HOST, Authority, Handler, Serve, answering, read_head, silent

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@pytest.fixture
def plain() -> Iterator[httpx2.Client]:
    with wire.client({HOST: "127.0.0.1"}, None) as client:
        yield client


def get(client: httpx2.Client, url: str, meter: Meter | None = None, timeout_s: float = 5.0) -> HttpAnswer:
    return http.request(client, "GET", url, meter=meter or Meter(), timeout_s=timeout_s)


def test_a_host_is_reached_at_its_override_and_verified_by_its_name(serve: Serve, authority: Authority) -> None:
    heard: list[bytes] = []
    names: list[str | None] = []
    context = authority.context()
    context.sni_callback = lambda _, name, __: names.append(name)
    server = serve(answering(OK, heard=heard), context)
    with wire.client({HOST: server.address}, authority.ca) as client:
        answer = get(client, f"https://{HOST}:{server.port}/")
    assert (answer.status, answer.text, answer.error) == (200, "ok", None)
    assert names == [HOST]
    assert f"host: {HOST}:{server.port}".encode() in heard[0].lower()


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ({"names": ("other.example.test",)}, "Hostname mismatch"),
        ({"days": -1}, "certificate has expired"),
        ({"self_signed": True}, "self-signed certificate"),
        ({"with_intermediate": False}, "unable to get local issuer certificate"),
    ],
)
def test_a_certificate_that_does_not_hold_is_an_error(
    serve: Serve, authority: Authority, how: dict[str, object], words: str
) -> None:
    server = serve(answering(OK), authority.context(**how))  # type: ignore[arg-type]
    with wire.client({HOST: server.address}, authority.ca) as client:
        answer = get(client, f"https://{HOST}:{server.port}/")
    assert answer.status is None
    assert words in (answer.error or "")


def test_a_refused_connection_is_an_error(plain: httpx2.Client) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    assert get(plain, f"http://{HOST}:{port}/").error == "connection refused"


def test_a_server_that_never_answers_is_late(serve: Serve, plain: httpx2.Client) -> None:
    answer = get(plain, f"http://{HOST}:{serve(silent).port}/", timeout_s=0.2)
    assert (answer.status, answer.error) == (None, "timed out after 0.2 s waiting for the answer")


def test_a_late_answer_on_a_kept_connection_says_so(serve: Serve, plain: httpx2.Client) -> None:
    def once(connection: socket.socket) -> None:
        answering(OK)(connection)
        silent(connection)

    url = f"http://{HOST}:{serve(once).port}/"
    assert get(plain, url).status == 200
    assert get(plain, url, timeout_s=0.2).error == "timed out after 0.2 s waiting for the answer on a kept connection"


def test_a_server_that_does_not_accept_is_late(plain: httpx2.Client) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full, contextlib.ExitStack() as waiting:
        for _ in range(4):  # more than the queue takes: whoever comes then is left waiting
            client = waiting.enter_context(socket.socket())
            client.setblocking(False)
            client.connect_ex(full.getsockname())
        answer = get(plain, f"http://{HOST}:{full.getsockname()[1]}/", timeout_s=0.2)
    assert answer.error == "timed out after 0.2 s while connecting"


def test_one_byte_at_a_time_does_not_hold_a_client_beyond_its_limit(serve: Serve, plain: httpx2.Client) -> None:
    def drip(connection: socket.socket) -> None:
        read_head(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
        connection.settimeout(0.05)
        while True:
            connection.sendall(b"x")
            try:
                if not connection.recv(1):
                    return
            except TimeoutError:
                continue

    answer = get(plain, f"http://{HOST}:{serve(drip).port}/", timeout_s=0.4)
    assert answer.error == "timed out after 0.4 s amid the body of a 200"
    assert answer.status is None
    assert answer.body.startswith(b"x")


@pytest.mark.parametrize(
    ("sent", "words"),
    [
        (b"", "disconnected"),
        (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", "illegal"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort", "expected 10"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nnonsense\r\n", "chunk"),
    ],
)
def test_a_garbled_answer_is_an_error(serve: Serve, plain: httpx2.Client, sent: bytes, words: str) -> None:
    answer = get(plain, f"http://{HOST}:{serve(answering(sent)).port}/")
    assert answer.status is None
    assert words in (answer.error or "").lower()


def reset(connection: socket.socket) -> None:
    """Take a request and reset the connection."""
    read_head(connection)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


@pytest.mark.parametrize(
    ("server", "closed"),
    [
        (answering(b""), True),
        (reset, True),
        (answering(b"SSH-2.0-OpenSSH_9.2\r\n\r\n"), False),
        (answering(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort"), False),
        (silent, False),
    ],
    ids=["closed", "reset", "garbled", "broken off", "silent"],
)
def test_a_connection_that_is_closed_in_the_place_of_an_answer_is_told_from_other_silence(
    serve: Serve, plain: httpx2.Client, server: Handler, closed: bool
) -> None:
    assert get(plain, f"http://{HOST}:{serve(server).port}/", timeout_s=0.5).closed is closed


def test_a_connection_that_never_stood_was_not_closed(plain: httpx2.Client) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    assert not get(plain, f"http://{HOST}:{port}/").closed


def test_a_redirect_is_not_followed(serve: Serve, plain: httpx2.Client) -> None:
    moved = b"HTTP/1.1 308 Permanent Redirect\r\nLocation: https://example.test/\r\nContent-Length: 0\r\n\r\n"
    answer = get(plain, f"http://{HOST}:{serve(answering(moved)).port}/")
    assert (answer.status, answer.headers["location"]) == (308, "https://example.test/")


def test_no_cookie_is_kept_between_exchanges(serve: Serve, plain: httpx2.Client) -> None:
    heard: list[bytes] = []
    sets = b"HTTP/1.1 200 OK\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nContent-Length: 0\r\n\r\n"
    server = serve(answering(sets, OK, heard=heard))
    first = get(plain, f"http://{HOST}:{server.port}/")
    get(plain, f"http://{HOST}:{server.port}/")
    assert first.headers.get_list("set-cookie") == ["a=1", "b=2"]
    assert b"cookie" not in heard[1].lower()


@pytest.mark.parametrize("target", ["/a/../b//c/%2e%2E/%41?x=%20y&x", "/?", "/'\"<>[]", "/v;a=1/..%2f"])
def test_path_and_query_go_out_as_written(serve: Serve, plain: httpx2.Client, target: str) -> None:
    heard: list[bytes] = []
    get(plain, f"http://{HOST}:{serve(answering(OK, heard=heard)).port}{target}")
    assert heard[0].startswith(b"GET " + target.encode() + b" HTTP/1.1\r\n")


def test_a_read_is_repeated_once_when_a_kept_connection_was_closed(serve: Serve, plain: httpx2.Client) -> None:
    def one_then_gone(connection: socket.socket) -> None:
        read_head(connection)
        connection.sendall(OK)
        read_head(connection)

    server = serve(one_then_gone)
    answers = [get(plain, f"http://{HOST}:{server.port}/") for _ in range(2)]
    assert [answer.status for answer in answers] == [200, 200]
    assert server.connections == 2


def test_a_write_is_never_repeated(serve: Serve, plain: httpx2.Client) -> None:
    def one_then_gone(connection: socket.socket) -> None:
        read_head(connection)
        connection.sendall(OK)
        read_head(connection)

    server = serve(one_then_gone)
    get(plain, f"http://{HOST}:{server.port}/")
    answer = http.request(plain, "POST", f"http://{HOST}:{server.port}/", meter=Meter(), content=b"{}")
    assert "disconnected" in (answer.error or "")
    assert server.connections == 1


def test_every_exchange_is_counted(serve: Serve, plain: httpx2.Client) -> None:
    meter = Meter()
    server = serve(answering(OK, OK))
    get(plain, f"http://{HOST}:{server.port}/", meter)
    http.request(plain, "PUT", f"http://{HOST}:{server.port}/", meter=meter, content=b"x" * 5000)
    seen = meter.footprint()
    assert (seen.requests, seen.connections, seen.writes) == (2, 1, 1)
    assert seen.bytes_sent > 5000
    assert seen.bytes_received == 2 * len(OK)


def test_a_body_that_is_no_json_is_a_failure_of_the_answerer(serve: Serve, plain: httpx2.Client) -> None:
    answer = get(plain, f"http://{HOST}:{serve(answering(OK)).port}/")
    with pytest.raises(Failure, match="a JSON body"):
        answer.json()


def test_what_is_told_of_an_answer_holds_no_value_of_the_query(serve: Serve, plain: httpx2.Client) -> None:
    link = b"https://play.example/v/1?exp=9&sig=SIGNED"
    body = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(link), link)
    place = f"http://{HOST}:{serve(answering(body)).port}/v/1/preview"
    answer = get(plain, f"{place}?exp=9&kid=one&sig=SIGNED")
    with pytest.raises(Failure) as raised:
        answer.json()
    assert f"{answer}".startswith(f"GET {place}?…: 200")
    assert f"from GET {place}?…; saw" in str(raised.value)
    assert "SIGNED" not in f"{answer} {answer!r} {raised.value}"


def test_a_stream_that_breaks_off_tells_no_value_of_the_query(serve: Serve, plain: httpx2.Client) -> None:
    place = f"http://{HOST}:{serve(answering(OK.replace(b'2', b'9'))).port}/events"
    with (
        http.stream(plain, "GET", f"{place}?ticket=SIGNED", meter=Meter(), timeout_s=5) as answer,
        pytest.raises(Failure) as raised,
    ):
        list(answer.lines)
    assert (f"the stream of {place}?… to go on" in str(raised.value), "SIGNED" in str(raised.value)) == (True, False)


def test_a_request_that_cannot_be_expressed_is_the_callers_error(serve: Serve, plain: httpx2.Client) -> None:
    server = serve(silent)
    with pytest.raises(httpx2.LocalProtocolError):
        http.request(plain, "GET", f"http://{HOST}:{server.port}/", meter=Meter(), headers={"bad name": "x"})


def test_a_stream_gives_its_lines_and_fails_when_it_breaks_off(serve: Serve, plain: httpx2.Client) -> None:
    def break_off(connection: socket.socket) -> None:
        read_head(connection)
        head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
        connection.sendall(head + b"8\r\ndata: 1\n\r\n")

    server = serve(break_off)
    with http.stream(plain, "GET", f"http://{HOST}:{server.port}/", meter=Meter(), timeout_s=5) as answer:
        assert answer.status == 200
        assert next(answer.lines) == "data: 1"
        with pytest.raises(Failure, match="to go on"):
            next(answer.lines)


def test_a_stream_that_was_refused_says_so(plain: httpx2.Client) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with http.stream(plain, "GET", f"http://{HOST}:{port}/", meter=Meter()) as answer:
        assert (answer.status, answer.error) == (None, "connection refused")


def stall_amid(connection: socket.socket) -> None:
    read_head(connection)
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\none\nt")
    connection.recv(1)


@pytest.mark.parametrize(
    ("server", "words"),
    [
        (silent, "timed out after 0.2 s waiting for the answer"),
        (stall_amid, "timed out after 0.2 s amid the body of a 200"),
    ],
)
def test_a_late_download_says_in_which_stage(serve: Serve, plain: httpx2.Client, server: Handler, words: str) -> None:
    seen = http.download(plain, f"http://{HOST}:{serve(server).port}/", meter=Meter(), seconds=0.0, timeout_s=0.2)
    assert seen.error == words


def test_a_late_stream_says_in_which_stage(serve: Serve, plain: httpx2.Client) -> None:
    with http.stream(plain, "GET", f"http://{HOST}:{serve(silent).port}/", meter=Meter(), timeout_s=0.2) as answer:
        assert answer.error == "timed out after 0.2 s waiting for the answer"
    with http.stream(plain, "GET", f"http://{HOST}:{serve(stall_amid).port}/", meter=Meter(), timeout_s=0.2) as answer:
        assert next(answer.lines) == "one"
        with pytest.raises(Failure, match=r"timed out after 0\.2 s amid the body of a 200"):
            next(answer.lines)


def test_a_download_takes_its_time_and_is_whole(serve: Serve, plain: httpx2.Client) -> None:
    body = b"x" * 200_000
    server = serve(answering(b"HTTP/1.1 200 OK\r\nContent-Length: 200000\r\n\r\n" + body))
    seen = http.download(plain, f"http://{HOST}:{server.port}/", meter=Meter(), seconds=0.2)
    assert (seen.status, seen.size, seen.error) == (200, len(body), None)
    assert seen.sha256 == hashlib.sha256(body).hexdigest()
    assert seen.elapsed_s >= 0.1


def test_a_download_that_breaks_off_says_so(serve: Serve, plain: httpx2.Client) -> None:
    server = serve(answering(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\nConnection: close\r\n\r\nshort"))
    seen = http.download(plain, f"http://{HOST}:{server.port}/", meter=Meter(), seconds=0.0)
    assert (seen.status, seen.size) == (200, 5)
    assert seen.error
