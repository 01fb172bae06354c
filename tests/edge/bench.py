"""A real edge in a process of its own, over a small store that speaks enough S3, and real nginx in front of it."""

import hashlib
import http.client
import http.server
import json
import os
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from suites.security.signer import signed_query
from system.edge.front import configuration
from system.platforms.local.programs import DEBIAN_TREE
from tests.serving import answering
from tests.waiting import wait_for

ROOT = Path(__file__).resolve().parents[2]
NGINX = DEBIAN_TREE / "usr/sbin/nginx"
HOST = "play.test:18443"
KEY = b"1" * 32
ASSET = "0f8fad5b-d9cb-469f-a165-70867728950e"
OTHER = "1f8fad5b-d9cb-469f-a165-70867728950e"
ABSENT = "2f8fad5b-d9cb-469f-a165-70867728950e"
VIDEO = bytes(range(256)) * 4096
READY_S = 30.0


@dataclass
class Answer:
    """What a door sent."""

    status: int
    headers: dict[str, str]
    body: bytes


@dataclass
class Door:
    """A way to the edge: itself, or nginx in front of it."""

    port: int
    address: str = "127.0.0.1"

    def send(self, target: str, *, method: str = "GET", host: str = HOST, **headers: str) -> Answer:
        connection = http.client.HTTPConnection(self.address, self.port, timeout=READY_S)
        try:
            connection.putrequest(method, target, skip_host=True, skip_accept_encoding=True)
            for name, value in {"Host": host, **headers}.items():
                connection.putheader(name.replace("_", "-"), value)
            connection.endheaders()
            response = connection.getresponse()
            return Answer(
                response.status, {name.lower(): value for name, value in response.getheaders()}, response.read()
            )
        finally:
            connection.close()


@dataclass
class Store:
    """Objects by their path, over HTTP; `calls` counts what was asked for."""

    objects: dict[str, bytes]
    calls: Counter[str] = field(default_factory=Counter)

    def serving(self) -> AbstractContextManager[int]:
        return answering(self._handler())

    def _handler(self) -> type[http.server.BaseHTTPRequestHandler]:
        store = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self) -> None:
                path = self.path.partition("?")[0]
                store.calls[f"{self.command} {path}"] += 1
                is_bucket = path.count("/") == 1  # which the probe asks for
                content = b"" if is_bucket else store.objects.get(path)
                self.send_response(200 if content is not None else 404)
                self.send_header("Content-Length", str(len(content or b"")))
                self.send_header("ETag", f'"{hashlib.md5(content or b"", usedforsecurity=False).hexdigest()}"')
                self.end_headers()
                if self.command == "GET":
                    self.wfile.write(content or b"")

            do_GET = do_HEAD = answer  # noqa: N815 - the names that http.server calls

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        return Handler


@dataclass
class Bench:
    """Everything that runs, and links to it."""

    store: Store
    edge: Door
    front: Door
    logs: Path
    edge_process: "subprocess.Popen[bytes]"

    def doors(self) -> dict[str, Door]:
        return {"edge": self.edge, "front": self.front}


def link(asset: str = ASSET, variant: str = "preview", *, host: str = HOST, lifetime_s: float = 300) -> str:
    query = signed_query(KEY, host=host, asset_id=asset, variant=variant, kid="k1", exp=int(time.time() + lifetime_s))
    return f"/v/{asset}/{variant}?{query}"


@contextmanager
def running(directory: Path) -> Iterator[Bench]:
    """Run store, edge and nginx in `directory`."""
    store = Store(
        {
            f"/previews/previews/{ASSET}/preview.mp4": VIDEO,
            f"/previews/previews/{ASSET}/poster.jpg": b"jpeg",
            f"/previews/previews/{OTHER}/preview.mp4": VIDEO[::-1],
        }
    )
    with store.serving() as store_port, running_edge(directory, store_port) as (edge, process):
        port = free_port()
        text = configuration(listen=f"127.0.0.1:{port}", edges=[f"127.0.0.1:{edge}"], directory=directory / "nginx")
        with running_nginx(directory / "nginx", text, port):
            yield Bench(store, Door(edge), Door(port), directory, process)


@contextmanager
def running_edge(
    directory: Path, store_port: int, program: Sequence[str] = ("-m", "system.edge")
) -> Iterator[tuple[int, "subprocess.Popen[bytes]"]]:
    """Run the edge; give its port and its process."""
    port = free_port()
    environment = {
        **{name: value for name, value in os.environ.items() if name in {"PATH", "HOME", "TMPDIR"}},
        "SERVICE": "edge",
        "RELEASE": "r1",
        "LISTEN_HOST": "127.0.0.1",
        "LISTEN_PORT": str(port),
        "S3_ENDPOINT": f"http://127.0.0.1:{store_port}",
        "S3_REGION": "us-east-1",
        "S3_ACCESS_KEY": "a",
        "S3_SECRET_KEY": "s",
        "BUCKET_PREVIEWS": "previews",
        "LINK_KEYS": json.dumps({"active": "k1", "keys": {"k1": KEY.hex()}}),
        "CACHE_DIR": str(directory / "edge"),
        "CACHE_MAX_BYTES": "100000000",
        "LINK_SKEW_S": "0",
    }
    with _process([sys.executable, *program], directory / "edge.log", port, environment) as process:
        yield port, process


@contextmanager
def running_nginx(directory: Path, configured: str, port: int) -> Iterator["subprocess.Popen[bytes]"]:
    """Run nginx, which may write to `directory`."""
    directory.mkdir()
    file = directory / "nginx.conf"
    file.write_text(configured)
    settings = "daemon off;" if os.geteuid() else "daemon off; user root;"
    command = [str(NGINX), "-p", str(directory), "-e", "stderr", "-c", str(file), "-g", settings]
    with _process(command, directory.with_suffix(".log"), port, {}) as process:
        yield process


@contextmanager
def _process(
    command: list[str], log: Path, port: int, environment: dict[str, str]
) -> Iterator["subprocess.Popen[bytes]"]:
    with log.open("wb") as out:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=out, stderr=subprocess.STDOUT)
    try:
        wait_for(lambda: _listens(port) or process.poll() is not None, READY_S, what=f"{command[0]} listens on {port}")
        if process.poll() is not None:
            raise AssertionError(f"{command[0]} ended: {log.read_text()[-800:]}")
        yield process
    finally:
        process.terminate()
        process.wait(timeout=20)


def free_port() -> int:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return int(held.getsockname()[1])


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
