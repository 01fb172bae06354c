"""Serve what a test asks in a thread beside it."""

import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from typing import TypeVar

POLL_S = 0.02  # how long a server may go on after the block has ended
Server = TypeVar("Server", bound=TCPServer)


@contextmanager
def serving(server: Server, tls: ssl.SSLContext | None = None) -> Iterator[Server]:
    """Let a server serve until the block ends, and close it."""
    with server:
        if tls is not None:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, args=(POLL_S,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def answering(handler: type[BaseHTTPRequestHandler], tls: ssl.SSLContext | None = None) -> Iterator[int]:
    """Serve HTTP on loopback until the block ends; gives the port."""
    with serving(ThreadingHTTPServer(("127.0.0.1", 0), handler), tls) as server:
        yield server.server_port
