"""A platform that speaks the control protocol and keeps everything in memory."""

import json
import socketserver
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from seatrial.platform import PlatformClient
from tests.serving import serving

SECRET = "correct-horse-battery"


class FakePlatform:
    """The control protocol over one part, held in memory; `acts` is what was asked of it."""

    def __init__(self) -> None:
        self.part: dict[str, Any] = {
            "name": "api-1",
            "service": "api",
            "state": "ready",
            "pid": 7,
            "release": "r1",
            "settings": {},
        }
        self.release = "r1"
        self.count = 1
        self.acts: list[tuple[str, dict[str, Any]]] = []
        self.answers: dict[str, tuple[int, bytes]] = {}
        self.after_kill: list[dict[str, Any]] = []
        self.patched: list[str] = []
        self.primary = "pg-1"
        self.maintained = False
        self.full = False
        self.rotating = False
        self.by: str | None = None
        self.links: dict[str, str] = {}
        self.changes: list[dict[str, Any]] = []
        self.change("up")
        self.reads: dict[str, Callable[[], tuple[int, bytes]]] = {
            "cluster": self.cluster,
            "releases": lambda: self.say(changes=self.changes),
        }
        self.others = {
            "switchover": self.switchover,
            "link": self.link,
            "maintenance": self.maintenance,
            "rotate": self.rotate,
            "scan": self.scan,
            "disk": self.disk,
        }

    def change(self, by: str) -> None:
        """Note a change, or a start, in the history."""
        told = {"release": self.release, "previous": None, "by": by, "outcome": "in force", "reason": "", "seconds": 1}
        self.changes.insert(0, {"at": f"2026-11-01T00:00:{len(self.changes):02}Z", **told})

    def answer(self, call: str, asked: dict[str, Any]) -> tuple[int, bytes]:
        if call in self.answers:
            return self.answers[call]
        if call == "status":
            if self.acts and self.after_kill:
                self.part |= self.after_kill.pop(0)
            return self.say(
                environment="local",
                ready=True,
                release=self.release,
                public_address="127.0.0.1",
                calls=["kill", "restart"],
                parts=[self.part | {"name": f"api-{number}"} for number in range(1, self.count + 1)],
                declared_ports=[],
                timings={},
                patched=self.patched,
            )
        if call in self.reads:
            return self.reads[call]()
        self.acts.append((call, asked))
        self.patched = [each["file"] for each in asked["patch"]] if call == "patch" else self.patched
        self.count = asked.get("count", self.count)
        if call == "restart":
            self.part |= {"settings": asked["settings"], "state": "ready"}
            self.part["release"] = asked.get("release", self.part["release"])
        elif call in {"stop", "pause", "start", "resume"}:
            self.part["state"] = {"stop": "stopped", "pause": "paused"}.get(call, "ready")
            self.part["pid"] = self.part["pid"] or 8
        elif call in {"deploy", "rollback", "canary"}:
            previous, self.part["release"] = self.release, asked.get("release", "r2")
            if call != "canary":
                self.release = self.part["release"]
                self.change(call)
            return self.say(release=self.part["release"], previous=previous)
        elif call in self.others:
            return self.others[call](asked)
        return self.say(previous=1)

    def cluster(self) -> tuple[int, bytes]:
        members = [
            {"name": name, "role": role, "state": "streaming", "timeline": 3, "nofailover": False}
            for name, role in ((self.primary, "primary"), ("api-1", "sync_standby"))
        ]
        return self.say(primary=self.primary, maintenance=self.maintained, members=members)

    def switchover(self, asked: dict[str, Any]) -> tuple[int, bytes]:
        previous, self.primary = self.primary, asked["to"]
        return self.say(primary=self.primary, previous=previous, seconds=1.5)

    def link(self, asked: dict[str, Any]) -> tuple[int, bytes]:
        self.links[asked["part"]] = asked["mode"]
        return self.say(**asked, sockets=3)

    def maintenance(self, asked: dict[str, Any]) -> tuple[int, bytes]:
        self.maintained = asked["on"]
        return self.say(on=self.maintained)

    def rotate(self, asked: dict[str, Any]) -> tuple[int, bytes]:
        if asked["step"] == "begin" and self.rotating:
            return 409, json.dumps({"error": "the rotation has begun already: complete it first"}).encode()
        if asked["step"] == "begin":
            self.rotating, self.by = True, asked.get("by")
        elif asked.get("by") in {None, self.by}:
            self.rotating = False
        return self.say(secret=asked["secret"], rotating=self.rotating, seconds=0.1)

    def disk(self, asked: dict[str, Any]) -> tuple[int, bytes]:
        self.full = asked.get("full", self.full)
        place = {"part": "api-1", "size_bytes": 9, "free_bytes": 0, "full": self.full, "files": ["a", "b"]}
        return self.say(**place) if asked else self.say(places=[place])

    def scan(self, asked: dict[str, Any]) -> tuple[int, bytes]:
        """Look for the one secret that this platform has."""
        texts = asked.get("texts", {})
        seen = {"kind": "texts", "name": "one", "form": "as it is", "times": 1}
        return self.say(
            secrets=1,
            looked={"texts": {"places": len(texts), "bytes": sum(map(len, texts.values()))}},
            found=[{**seen, "place": name} for name, text in texts.items() if SECRET in text],
            canaries=[],
        )

    @staticmethod
    def say(**data: Any) -> tuple[int, bytes]:
        return 200, json.dumps(data).encode()


class _UnixServer(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[tuple[FakePlatform, Path]]:
    fake = FakePlatform()

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or b"{}")
            status, body = fake.answer(self.path.split("?")[0].removeprefix("/v1/"), asked)
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_DELETE = answer  # noqa: N815 - http.server calls them by these names

        def log_message(self, *_: object) -> None: ...

    path = tmp_path / "control.sock"
    with serving(_UnixServer(str(path), Handler)):
        yield fake, path


@pytest.fixture
def client(platform: tuple[FakePlatform, Path]) -> Iterator[PlatformClient]:
    made = PlatformClient(platform[1])
    yield made
    made.close()
