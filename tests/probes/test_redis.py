import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from seatrial.errors import HarnessError, Unanswered
from seatrial.facets.redis import ObserveRedis
from seatrial.facets.redis._destroy import acl_rules
from seatrial.probes import redis
from seatrial.scope import Door, Scope
from tests.probes.conftest import Authority, Serve, silent


@dataclass(frozen=True)
class Place:
    port: int
    ca: Path | None = None
    tls: bool = False
    host: str = "redis.example.test"
    address: str | None = "127.0.0.1"
    replicas: Mapping[str, Door] = field(default_factory=dict)
    sentinels: Mapping[str, Door] = field(default_factory=dict)


def saying(*replies: bytes) -> Callable[[socket.socket], None]:
    def handle(connection: socket.socket) -> None:
        for reply in replies:
            if not connection.recv(65536):
                return
            connection.sendall(reply)
        silent(connection)

    return handle


def test_a_pong_is_ok(serve: Serve) -> None:
    assert redis.attempt(Place(serve(saying(b"+PONG\r\n")).port), None, None).ok


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (b"-NOAUTH Authentication required.\r\n", "Authentication required"),
        (b"-LOADING Redis is loading the dataset in memory\r\n", "loading"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "Protocol Error"),
    ],
)
def test_any_other_reply_is_an_error(serve: Serve, reply: bytes, words: str) -> None:
    answer = redis.attempt(Place(serve(saying(reply)).port), None, None)
    assert not answer.ok
    assert words in (answer.error or "")


def test_a_wrong_password_is_an_error_that_does_not_repeat_it(serve: Serve) -> None:
    server = serve(saying(b"-WRONGPASS invalid username-password pair or user is disabled.\r\n"))
    answer = redis.attempt(Place(server.port), "api", "hidden-word")
    assert "invalid username-password" in (answer.error or "")
    assert "hidden-word" not in repr(answer)


def test_tls_is_verified_by_name_at_the_override(serve: Serve, authority: Authority) -> None:
    good = serve(saying(b"+PONG\r\n"), authority.context(names=("redis.example.test",)))
    wrong = serve(saying(b"+PONG\r\n"), authority.context(names=("other.example.test",)))
    assert redis.attempt(Place(good.port, authority.ca, tls=True), None, None).ok
    assert "Hostname mismatch" in (redis.attempt(Place(wrong.port, authority.ca, tls=True), None, None).error or "")


def test_plain_text_to_a_tls_port_is_an_error(serve: Serve, authority: Authority) -> None:
    server = serve(saying(b"+PONG\r\n"), authority.context(names=("redis.example.test",)))
    assert not redis.attempt(Place(server.port, authority.ca, tls=True), None, None, tls=False).ok


def test_a_setting_that_the_server_does_not_have_is_a_failure(serve: Serve, scope: Callable[..., Scope]) -> None:
    server = serve(saying(b"+OK\r\n", b"*2\r\n$9\r\nmaxmemory\r\n$1\r\n0\r\n"))
    facet = ObserveRedis(scope(redis=Place(server.port)))
    with pytest.raises(Unanswered, match="no setting maxmemory-policy"):
        facet.config("maxmemory", "maxmemory-policy")


def test_a_setting_of_a_replica_is_asked_of_that_one(serve: Serve, scope: Callable[..., Scope]) -> None:
    primary, replica = (
        serve(saying(b"+OK\r\n", b"*2\r\n$16\r\nreplica-priority\r\n$%d\r\n%s\r\n" % (len(value), value)))
        for value in (b"100", b"0")
    )
    facet = ObserveRedis(scope(redis=Place(primary.port, replicas={"redis-replica": Place(replica.port)})))

    assert facet.config("replica-priority") == {"replica-priority": "100"}
    assert facet.config("replica-priority", at="redis-replica") == {"replica-priority": "0"}


def test_a_lost_connection_is_opened_again(serve: Serve, scope: Callable[..., Scope]) -> None:
    def one_then_gone(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(b"+OK\r\n")
        connection.recv(65536)
        connection.sendall(b":7\r\n")

    server = serve(one_then_gone)
    facet = ObserveRedis(scope(redis=Place(server.port)))
    assert [facet.read("DBSIZE"), facet.read("DBSIZE")] == [7, 7]
    assert server.connections == 2


@pytest.mark.parametrize("command", [(), ("SET", "a", "b"), ("CONFIG", "SET", "a", "b"), ("CONFIG",), ("FLUSHALL",)])
def test_a_command_that_may_write_is_not_sent(command: tuple[str, ...], scope: Callable[..., Scope]) -> None:
    facet = ObserveRedis(scope(redis=Place(1)))
    with pytest.raises(HarnessError, match="not a reading command"):
        facet.read(*command)


def test_a_dead_server_is_a_failure_and_a_wrong_command_is_not(serve: Serve, scope: Callable[..., Scope]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(Unanswered, match="connection refused"):
        ObserveRedis(scope(redis=Place(port))).info()
    server = serve(saying(b"+OK\r\n", b"-ERR wrong number of arguments for 'get' command\r\n"))
    with pytest.raises(HarnessError, match="wrong number"):
        ObserveRedis(scope(redis=Place(server.port))).read("GET")


def test_an_acl_line_gives_its_rules_with_selectors_whole() -> None:
    line = "user api on sanitize-payload #0f ~jobs:* resetchannels -@all +@read (~x:* &* +get)"
    rules = ["on", "sanitize-payload", "#0f", "~jobs:*", "resetchannels", "-@all", "+@read", "(~x:* &* +get)"]
    assert acl_rules(line) == rules
