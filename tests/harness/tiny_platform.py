"""A platform with a listening port and a lamp: serves the control protocol, so that trials can be tried in a second.

What it deploys is product.py beside the state folder, a program that says by `OPEN` whether the port listens.

python tiny_platform.py STATE PORT up [--lifeline FD] | down
"""

import json
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import ThreadingUnixStreamServer
from typing import Any

from tests.harness import journal

CALLS = ["status", "releases", "logs", "start", "stop", "restart", "deploy", "rollback"]
LOGGED = "something went wrong here"
UP = {
    "at": "2026-11-01T00:00:00Z",
    "release": "r1",
    "previous": None,
    "by": "up",
    "outcome": "in force",
    "reason": "",
    "seconds": 0,
}


class Port:
    """The part that listens."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.socket: socket.socket | None = None

    def start(self) -> None:
        if self.socket is None:
            self.socket = socket.create_server(("127.0.0.1", self.port))

    def stop(self) -> None:
        if self.socket is not None:
            self.socket.close()
            self.socket = None

    def status(self) -> dict[str, Any]:
        return {
            "name": "port",
            "service": "port",
            "pid": os.getpid(),
            "address": "127.0.0.1",
            "port": self.port,
            "state": "ready" if self.socket else "stopped",
        }


class Lamp:
    """The part that is nothing but its settings."""

    def __init__(self) -> None:
        self.settings: dict[str, Any] = {"colour": "white"}

    def status(self) -> dict[str, Any]:
        return {"name": "lamp", "service": "lamp", "state": "ready", "settings": self.settings}


class RefusedError(Exception):
    """A release that does not become ready; the one before is in force again."""


class Parts:
    """All that the platform runs."""

    def __init__(self, state: Path, port: int) -> None:
        self.state, self.port, self.lamp = state, Port(port), Lamp()
        self.product, self.release, self.sources = state.with_name("product.py"), "r1", {"r1": "OPEN = True"}

    def status(self) -> dict[str, Any]:
        return {
            "environment": "here",
            "state": str(self.state),
            "ready": self.port.socket is not None,
            "release": self.release,
            "public_address": "127.0.0.1",
            "calls": CALLS,
            "parts": [self.port.status(), self.lamp.status()],
            "declared_ports": [],
            "timings": {},
        }

    def say(self, call: str) -> dict[str, Any]:
        """Answer a call that changes nothing."""
        return {"changes": [UP]} if call == "releases" else {"lines": [LOGGED]} if call == "logs" else self.status()

    def answer(self, call: str, asked: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """Carry a call out, or refuse it; return the status and the answer."""
        try:
            return 200, self.act(call, asked)
        except RefusedError as error:
            return 409, {"error": str(error)}

    def act(self, call: str, asked: dict[str, Any]) -> dict[str, Any]:
        """Carry a call out and return the answer."""
        if call == "deploy":
            return self.deploy(asked["patch"])
        if call == "rollback":
            return self.run(asked["release"])
        if (call, asked["part"]) == ("start", "port"):
            self.port.start()
        elif (call, asked["part"]) == ("stop", "port"):
            self.port.stop()
        elif (call, asked["part"]) == ("restart", "lamp"):
            self.lamp.settings = asked["settings"]
        else:
            raise ValueError(f"no {call} of {asked['part']}")
        return {}

    def deploy(self, patch: list[dict[str, str]]) -> dict[str, Any]:
        """Go to the product with these edits."""
        source = self.product.read_text()
        for edit in patch:
            source = source.replace(edit["find"], edit["replace"])
        release = f"r{len(self.sources) + 1}"
        self.sources[release] = source
        return self.run(release)

    def run(self, release: str) -> dict[str, Any]:
        """Go to a release; raises RefusedError where its program does not run."""
        program: dict[str, Any] = {}
        try:
            exec(self.sources[release], program)  # noqa: S102 - that is what a platform does with a release
        except Exception as error:
            raise RefusedError(f"release {release} was rolled back to {self.release}: {error}") from error
        previous, self.release = self.release, release
        if program["OPEN"]:
            self.port.start()
        else:
            self.port.stop()
        return {"release": release, "previous": previous}


def caller(connection: socket.socket) -> int:
    """Return the process at the other end."""
    peer = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    return int(struct.unpack("3i", peer)[0])


def serve(state: Path, number: int, lifeline: int | None) -> None:
    """Serve until killed, or until the lifeline closes."""
    parts = Parts(state, number)
    parts.port.start()
    changing = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        def address_string(self) -> str:
            return "unix"

        def log_message(self, *args: object) -> None:
            """Say nothing."""

        def do_GET(self) -> None:
            call = self.path.rpartition("/")[2].partition("?")[0]
            if not journal.step(state, f"{call} asked", caller(self.connection)):
                self.answer(parts.say(call))

        def do_POST(self) -> None:
            call, asked = self.path.rpartition("/")[2], json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            what = f"{call} {asked.get('part', 'release')}"
            if not journal.step(state, f"{what} asked", caller(self.connection)):
                with changing:  # a start that meets a stop half-way would find nothing to do
                    code, answer = parts.answer(call, asked)
                if not journal.step(state, f"{what} done", caller(self.connection)):
                    self.answer(answer, code)

        def answer(self, data: dict[str, Any], code: int = 200) -> None:
            body = json.dumps(data).encode()
            self.send_response(code)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    sock = state / "control.sock"
    sock.unlink(missing_ok=True)
    server = ThreadingUnixStreamServer(str(sock), Handler)
    (state / "pid").write_text(str(os.getpid()))
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    if lifeline is not None:
        threading.Thread(target=lambda: (select.select([lifeline], [], []), os._exit(0)), daemon=True).start()
    server.serve_forever()


def up(state: Path, number: int, lifeline: int | None) -> int:
    """Start the server in the background and wait until it answers."""
    state.mkdir(parents=True, exist_ok=True)
    keep = () if lifeline is None else (lifeline,)
    command = [
        sys.executable,
        __file__,
        str(state),
        str(number),
        "serve",
        *(["--lifeline", str(lifeline)] if keep else []),
    ]
    process = subprocess.Popen(
        command, pass_fds=keep, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        with socket.socket(socket.AF_UNIX) as probe:
            if probe.connect_ex(str(state / "control.sock")) == 0:
                return 0
        if process.poll() is not None:
            print("the port is taken", file=sys.stderr)
            return 1
        select.select([], [], [], 0.02)
    return 1


def down(state: Path) -> int:
    """Stop the server; 1 when it does not end."""
    if (state / "pid").exists():
        pid = int((state / "pid").read_text())
        try:
            os.kill(pid, signal.SIGTERM)
        except ProcessLookupError:
            return 0
        deadline = time.monotonic() + 10
        while runs(pid):
            if time.monotonic() > deadline:
                print(f"the server does not end: {pid}", file=sys.stderr)
                return 1
            select.select([], [], [], 0.02)
        (state / "pid").unlink()
        (state / "control.sock").unlink(missing_ok=True)
    return 0


def runs(pid: int) -> bool:
    """Tell whether a process is there and has not ended; whose child it is may never ask how."""
    try:
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


if __name__ == "__main__":
    where, chosen, verb, *rest = sys.argv[1:]
    given = int(rest[1]) if rest else None
    if verb == "up":
        sys.exit(up(Path(where), int(chosen), given))
    if verb == "down":
        sys.exit(down(Path(where)))
    serve(Path(where), int(chosen), given)
