"""A TLS socket that does not come about is closed at once, and not once the collector finds it."""

import gc
import select
import socket
import ssl
import struct
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from seatrial.probes.secure import closing
from tests.probes.conftest import Serve


def lax() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def reset(connection: socket.socket) -> None:
    """Take a byte, and end the connection with RST."""
    connection.recv(1)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


@contextmanager
def left_open() -> Iterator[list[str]]:
    """Give what the collector finds unclosed by the end."""
    found: list[str] = []
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        yield found
        gc.collect()
    found += [str(each.message) for each in warned if each.category is ResourceWarning]


def attempt(context: ssl.SSLContext, place: tuple[str, int], error: type[BaseException]) -> None:
    with socket.create_connection(place, 5.0) as plain:
        plain.sendall(b"x")
        if error is ConnectionResetError:
            select.select([plain], [], [], 5.0)
        with pytest.raises(error):
            context.wrap_socket(plain)


def test_a_peer_that_has_gone_before_the_handshake_leaves_no_socket_open(serve: Serve) -> None:
    server = serve(reset)
    with left_open() as found:
        attempt(closing(lax()), (server.address, server.port), ConnectionResetError)
    assert found == []


def test_a_handshake_that_is_interrupted_leaves_no_socket_open(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(_self: ssl.SSLSocket, block: bool = False) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(ssl.SSLSocket, "do_handshake", interrupted)
    server = serve(lambda connection: connection.recv(1))
    with left_open() as found:
        attempt(closing(lax()), (server.address, server.port), KeyboardInterrupt)
    assert found == []
