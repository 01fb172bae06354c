"""What a scanner runs in: a programs' directory of its own, a way to our hosts alone, and a site with holes."""

import contextlib
import html
import os
import select
import socket
import socketserver
import sqlite3
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from system.platforms.local.layout import CACHE
from tests.serving import answering, serving

SCANNERS = CACHE / "scanners" / "bin"
LIMIT_S = 240


def scanner(name: str) -> Path:
    """Return a scanner's program; a scanner that is not there fails the test that needs it."""
    program = SCANNERS / name
    assert program.is_file(), f"there is no {name} at {program}: `make .cache/scanners/.ready` installs it"
    return program


@dataclass
class Gateway:
    """A proxy (CONNECT) that leads some hosts to addresses on loopback, and refuses and counts every other."""

    hosts: dict[str, str]
    connections: int = 0
    refused: list[str] = field(default_factory=list)
    url: str = ""


@contextlib.contextmanager
def gateway(hosts: dict[str, str]) -> Iterator[Gateway]:
    """Serve a gateway until the end of the context."""
    opened = Gateway(hosts)

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            client: socket.socket = self.request
            head = b""
            while b"\r\n\r\n" not in head:
                if not (part := client.recv(65536)):
                    return
                head += part
            method, target = head.split(b" ", 2)[:2]
            host, _, port = target.decode().rpartition(":")
            if method != b"CONNECT" or host not in hosts:
                opened.refused.append(target.decode())
                client.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
                return
            opened.connections += 1
            with socket.create_connection((hosts[host], int(port))) as server:
                client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
                with contextlib.suppress(OSError):
                    _pump(client, server)

    with serving(socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)) as server:
        opened.url = f"http://127.0.0.1:{server.server_address[1]}"
        yield opened


def _pump(one: socket.socket, other: socket.socket) -> None:
    while True:
        for source in select.select([one, other], [], [])[0]:
            if not (data := source.recv(65536)):
                return
            (other if source is one else one).sendall(data)


@contextlib.contextmanager
def site_with_holes() -> Iterator[str]:
    """Serve a page that repeats a name unescaped, and one that pastes a number into SQL; give the address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
            status, said = 200, '<a href="/hello?name=you">hello</a> <a href="/item?id=1">item</a>'
            if parts.path == "/hello":
                said = f"<p>Hello {query.get('name', '')}</p>"
            elif parts.path == "/item":
                try:
                    with contextlib.closing(sqlite3.connect(":memory:")) as database:
                        database.execute("create table items (id integer, name text)")
                        database.execute("insert into items values (1, 'an anchor')")
                        found = database.execute(f"select name from items where id = {query.get('id', '')}")  # noqa: S608
                        said = html.escape(str(found.fetchall()))
                except sqlite3.Error as error:
                    status, said = 500, html.escape(f"sqlite3.OperationalError: {error}")
            body = f"<!doctype html><html><body>{said}</body></html>".encode()
            self.send_response(status)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with answering(Handler) as port:
        yield f"http://127.0.0.1:{port}"


def run(program: Path, options: list[str], home: Path, **environment: str) -> str:
    """Run a scanner to its end and return what it printed."""
    done = subprocess.run(
        [program, *options],
        cwd=home,
        env={"PATH": os.environ["PATH"], "HOME": str(home), "LC_ALL": "C.UTF-8", **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    return done.stdout
