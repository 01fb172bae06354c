import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from seatrial.errors import Invalid, Unanswered
from seatrial.facets.postgres import ObservePg
from seatrial.probes import postgres
from seatrial.profile import PostgresPooler
from seatrial.scope import Door, Scope
from tests.probes.conftest import Authority, Serve, silent

Build = Callable[..., Scope]


@dataclass(frozen=True)
class Place:
    port: int
    ca: Path
    host: str = "pg.example.test"
    database: str = "seatrial"
    address: str | None = "127.0.0.1"
    pooler: Door | None = None
    standbys: dict[str, Door] = field(default_factory=dict)


def message(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("!i", len(body) + 4) + body


def refusing(authority: Authority, name: str, code: str, text: str) -> object:
    context = authority.context(names=(name,))

    def postgres_server(connection: socket.socket) -> None:
        connection.recv(8)
        connection.sendall(b"S")
        with context.wrap_socket(connection, server_side=True) as secure:
            secure.recv(65536)
            secure.sendall(message(b"E", f"SFATAL\0VFATAL\0C{code}\0M{text}\0\0".encode()))

    return postgres_server


def frozen(authority: Authority, **reported: str) -> object:
    """Let clients in, with what a server reports of itself, and answer nothing they ask."""
    said = b"".join(message(b"S", f"{name}\0{value}\0".encode()) for name, value in reported.items())
    context = authority.context(names=("pg.example.test",))

    def postgres_server(connection: socket.socket) -> None:
        connection.recv(8)
        connection.sendall(b"S")
        with context.wrap_socket(connection, server_side=True) as secure:
            secure.recv(65536)
            secure.sendall(message(b"R", struct.pack("!i", 0)) + said + message(b"Z", b"I"))
            silent(secure)

    return postgres_server


def no_tls(connection: socket.socket) -> None:
    connection.recv(8)
    connection.sendall(b"N")


def garbage(connection: socket.socket) -> None:
    connection.recv(8)
    connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")


def test_the_servers_refusal_is_the_answer(serve: Serve, authority: Authority) -> None:
    server = serve(refusing(authority, "pg.example.test", "53300", "sorry, too many clients already"))
    answer = postgres.attempt(Place(server.port, authority.ca), "api", "hidden-word")
    assert (answer.ok, answer.server_version) == (False, None)
    assert "FATAL: sorry, too many clients already" in (answer.error or "")
    assert "hidden-word" not in repr(answer)


@pytest.mark.parametrize(("handler", "words"), [(no_tls, "does not support SSL"), (garbage, "negotiation")])
def test_a_server_without_tls_is_an_error(serve: Serve, authority: Authority, handler: object, words: str) -> None:
    answer = postgres.attempt(Place(serve(handler).port, authority.ca), "api", "x")
    assert words in (answer.error or "")


def test_a_certificate_for_another_name_is_an_error(serve: Serve, authority: Authority) -> None:
    server = serve(refusing(authority, "other.example.test", "28000", "never reached"))
    answer = postgres.attempt(Place(server.port, authority.ca), "api", "x")
    assert 'does not match host name "pg.example.test"' in (answer.error or "")


def test_a_server_that_never_answers_is_late(serve: Serve, authority: Authority) -> None:
    answer = postgres.attempt(Place(serve(silent).port, authority.ca), "api", "x", {"connect_timeout": 2})
    assert "timeout expired" in (answer.error or "")


def test_a_server_that_freezes_during_a_query_is_late(serve: Serve, authority: Authority, scope: Build) -> None:
    server = serve(frozen(authority))
    facet = ObservePg(scope(postgres=Place(server.port, authority.ca)))
    with pytest.raises(Unanswered, match=r"no answer within 0\.2 s"):
        facet.rows("select 1", timeout_s=0.2)
    assert server.connections == 1


def test_a_query_to_a_dead_server_is_a_failure_and_no_crash(authority: Authority, scope: Build) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    facet = ObservePg(scope(postgres=Place(port, authority.ca)))
    with pytest.raises(Unanswered, match=r"did not answer: .*Connection refused"):
        facet.rows("select 1")
    assert facet.attempt().error is not None


def test_the_primary_is_looked_for_at_every_declared_server(authority: Authority) -> None:
    near = PostgresPooler(host="near.example.test", port=6, address="127.0.0.2", mode="transaction")
    far = PostgresPooler(host="far.example.test", port=7, mode="transaction")
    alone = Place(5, authority.ca)
    assert postgres.wherever(alone) == {}
    assert postgres.wherever(Place(5, authority.ca, standbys={"near": near, "far": far})) == {
        "host": "pg.example.test,near.example.test,far.example.test",
        "hostaddr": "127.0.0.1,127.0.0.2,",
        "port": "5,6,7",
        "target_session_attrs": "primary",
    }


def test_where_no_primary_is_found_the_declared_server_is_asked(
    serve: Serve, authority: Authority, scope: Build
) -> None:
    server = serve(frozen(authority, server_version="16.14", in_hot_standby="on", default_transaction_read_only="off"))
    gone = PostgresPooler(host="pg.example.test", port=1, address="127.0.0.1", mode="transaction")
    facet = ObservePg(scope(postgres=Place(server.port, authority.ca, standbys={"gone": gone})))
    with pytest.raises(Unanswered, match=r"no answer within 0\.2 s"):
        facet.rows("select 1", timeout_s=0.2)
    assert server.connections == 2


def test_an_attempt_at_the_pooler_goes_there_and_nowhere_else(serve: Serve, authority: Authority, scope: Build) -> None:
    pooler = serve(refusing(authority, "pooler.example.test", "28P01", "SASL authentication failed"))
    server = serve(silent)
    door = PostgresPooler(host="pooler.example.test", port=pooler.port, address="127.0.0.1", mode="transaction")
    facet = ObservePg(scope(postgres=Place(server.port, authority.ca, pooler=door)))
    answer = facet.attempt(user="api", password="hidden-word", pooled=True)
    assert not answer.ok
    assert "FATAL: SASL authentication failed" in (answer.error or "")
    assert server.connections == 0


def test_an_attempt_at_a_pooler_that_the_profile_does_not_name_is_invalid(scope: Build, authority: Authority) -> None:
    with pytest.raises(Invalid, match=r"names no \[postgres\.pooler\]"):
        ObservePg(scope(postgres=Place(1, authority.ca))).attempt(pooled=True)
