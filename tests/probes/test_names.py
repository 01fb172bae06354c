import socket
from collections.abc import Callable, Iterator

import pytest

from seatrial.probes import names
from system.platforms.local import nameserver

ZONE = """\
$ORIGIN example.test.
$TTL 300
@ IN SOA ns hostmaster 1 3600 600 86400 60
@ IN CAA 0 issue ";"
www IN CNAME front
front 60 IN A 127.0.0.1
front IN AAAA ::1
"""
Ask = Callable[..., names.NameAnswer]
ADDRESS = "127.99.0.1"  # nobody's outgoing connection starts here, so that a port free for UDP is free for TCP


@pytest.fixture
def ask() -> Iterator[Ask]:
    """Ask a real name server on loopback."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind((ADDRESS, 0))
        port = free.getsockname()[1]
    servers = nameserver.serve(ADDRESS, port, ZONE)
    yield lambda name, kind="A": names.ask(name, kind, server=(ADDRESS, port))
    for server in servers:
        server.stop()
        server.server.server_close()


def test_an_alias_is_followed_and_told(ask: Ask) -> None:
    answer = ask("www.example.test")
    assert (answer.records, answer.aliases) == (("127.0.0.1",), ("front.example.test",))
    assert answer.ttl_s == 60
    assert ask("www.example.test", "AAAA").records == ("::1",)


def test_a_record_of_another_kind_is_read(ask: Ask) -> None:
    assert ask("example.test", "CAA").records == ('0 issue ";"',)


def test_a_name_without_that_kind_is_no_error(ask: Ask) -> None:
    assert ask("www.example.test", "CAA") == names.NameAnswer(
        "www.example.test", "CAA", aliases=("front.example.test",)
    )


def test_a_name_that_is_not_there_is_an_error(ask: Ask) -> None:
    assert ask("old.example.test").error == "no such name (NXDOMAIN)"


def test_a_server_that_is_silent_is_an_error() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        answer = names.ask("www.example.test", "A", server=silent.getsockname(), timeout_s=0.2)
    assert answer.error == "no answer within 0.2 s"
