import socket
import ssl
import warnings

import pytest

from seatrial.probes import tls
from tests.probes.conftest import HOST, Authority, Serve, silent


def hang_up(connection: socket.socket) -> None:
    connection.recv(65536)


def handshake(authority: Authority, port: int, **how: object) -> tls.TlsAnswer:
    return tls.handshake(HOST, port, address="127.0.0.1", ca=authority.ca, **how)  # type: ignore[arg-type]


def test_a_good_chain_is_returned_as_it_was_sent(serve: Serve, authority: Authority) -> None:
    server = serve(silent, authority.context(names=(HOST, "127.0.0.1"), days=3))
    answer = handshake(authority, server.port)
    assert (answer.ok, answer.error, answer.protocol) == (True, None, "TLSv1.3")
    assert [sent.subject.rfc4514_string() for sent in answer.chain] == [f"CN={HOST}", "CN=Test intermediate"]
    assert answer.leaf is answer.chain[0]
    assert answer.address == "127.0.0.1"
    assert answer.names == (HOST, "127.0.0.1")
    assert answer.cipher is not None
    assert 2 * 86400 < (answer.not_after_s or 0) < 3 * 86400


@pytest.mark.parametrize(
    ("how", "words", "sent"),
    [
        ({"names": ("other.example.test",)}, "Hostname mismatch", 2),
        ({"days": -1}, "certificate has expired", 2),
        ({"self_signed": True}, "self-signed certificate", 1),
        ({"with_intermediate": False}, "unable to get local issuer certificate", 1),
    ],
)
def test_a_chain_that_does_not_hold_is_returned_with_the_error(
    serve: Serve, authority: Authority, how: dict[str, object], words: str, sent: int
) -> None:
    server = serve(silent, authority.context(**how))  # type: ignore[arg-type]
    answer = handshake(authority, server.port)
    assert not answer.ok
    assert words in (answer.error or "")
    assert (len(answer.chain), answer.protocol) == (sent, "TLSv1.3")
    assert handshake(authority, server.port, verify=False).ok


def old_server(authority: Authority) -> ssl.SSLContext:
    context = authority.context()
    context.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    return context


def test_an_old_protocol_is_spoken_when_asked_for(serve: Serve, authority: Authority) -> None:
    server = serve(silent, old_server(authority))
    answer = handshake(authority, server.port, highest=ssl.TLSVersion.TLSv1_1)
    assert (answer.ok, answer.protocol) == (True, "TLSv1.1")


def test_an_old_protocol_is_refused_on_both_sides(serve: Serve, authority: Authority) -> None:
    context = authority.context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    modern, old = serve(silent, context), serve(silent, old_server(authority))
    assert "PROTOCOL" in (handshake(authority, modern.port, highest=ssl.TLSVersion.TLSv1_1).error or "")
    assert "PROTOCOL" in (handshake(authority, old.port).error or "")


def test_ciphers_can_be_limited(serve: Serve, authority: Authority) -> None:
    server = serve(silent, authority.context())
    answer = handshake(authority, server.port, highest=ssl.TLSVersion.TLSv1_2, ciphers="ECDHE-ECDSA-AES128-GCM-SHA256")
    assert (answer.protocol, answer.cipher) == ("TLSv1.2", "ECDHE-ECDSA-AES128-GCM-SHA256")


def test_the_chosen_application_protocol_is_seen(serve: Serve, authority: Authority) -> None:
    context = authority.context()
    context.set_alpn_protocols(["http/1.1"])
    assert handshake(authority, serve(silent, context).port, alpn=("h2", "http/1.1")).alpn == "http/1.1"


@pytest.mark.parametrize(("handler", "words"), [(silent, "timed out"), (hang_up, "TLS")])
def test_a_port_without_tls_is_an_error(serve: Serve, authority: Authority, handler: object, words: str) -> None:
    answer = handshake(authority, serve(handler).port, timeout_s=0.2)
    assert not answer.ok
    assert words in (answer.error or "")
    assert (answer.chain, answer.not_after_s, answer.names) == ((), None, ())


def test_a_refused_connection_is_an_error(authority: Authority) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    assert handshake(authority, port).error == "connection refused"


def test_postgres_is_asked_for_tls_first(serve: Serve, authority: Authority) -> None:
    context = authority.context()
    asked: list[bytes] = []

    def postgres(connection: socket.socket) -> None:
        asked.append(connection.recv(8))
        connection.sendall(b"S")
        with context.wrap_socket(connection, server_side=True) as secure:
            silent(secure)

    answer = handshake(authority, serve(postgres).port, starttls="postgres")
    assert answer.ok
    assert asked[0] == bytes.fromhex("0000000804d2162f")


@pytest.mark.parametrize(("said", "words"), [(b"N", "refuses TLS"), (b"H", "not a PostgreSQL server")])
def test_postgres_that_does_not_speak_tls_is_an_error(
    serve: Serve, authority: Authority, said: bytes, words: str
) -> None:
    def postgres(connection: socket.socket) -> None:
        connection.recv(8)
        connection.sendall(said)

    assert words in (handshake(authority, serve(postgres).port, starttls="postgres").error or "")
