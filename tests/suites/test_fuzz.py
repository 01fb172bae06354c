"""The fuzzer's run ends when somebody ends it, and so do the sessions that it opened."""

import itertools
import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from seatrial import profile
from seatrial.environment import Environment
from seatrial.impact import Exercise
from seatrial.scope import close_clients
from suites.client import signed_in
from suites.security._fuzz import fuzz, load
from suites.security.test_fuzz import _let_in
from tests.serving import serving

DOCUMENT = {
    "openapi": "3.1.0",
    "info": {"title": "one route", "version": "1"},
    "paths": {"/things": {"get": {"responses": {"200": {"description": "things"}}}}},
}


def test_an_interrupt_in_the_midst_of_a_phase_ends_the_run() -> None:
    schema = load(DOCUMENT, base_url="http://127.0.0.1:1", seed=1, examples=2, steps=2)

    @schema.auth(refresh_interval=None)
    class Interrupted:
        def get(self, _case: Any, _context: Any) -> str:
            raise KeyboardInterrupt

        def set(self, _case: Any, _token: str, _context: Any) -> None:
            raise AssertionError

    with pytest.raises(KeyboardInterrupt):
        fuzz(schema)


class Door(ThreadingHTTPServer):
    """Opens a session for whoever knows the password, and ends it when asked to."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Doorkeeper)
        self.numbers, self.open, self.ended = itertools.count(1), set[str](), 0


class Doorkeeper(BaseHTTPRequestHandler):
    """Answers for a `Door`."""

    server: Door

    def do_POST(self) -> None:
        sent = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if b"right-password" not in sent:
            self._answer(401, {})
            return
        token = f"token-{next(self.server.numbers)}"
        self.server.open.add(token)
        self._answer(201, {"access_token": token, "refresh_token": "r", "token_type": "Bearer", "expires_in_s": 60})

    def do_DELETE(self) -> None:
        token = self.headers.get("Authorization", "").removeprefix("Bearer ")
        known = token in self.server.open
        self.server.open.discard(token)
        self.server.ended += known
        self._answer(204 if known else 401, None)

    def _answer(self, status: int, body: Any) -> None:
        data = b"" if body is None else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


CREDENTIALS = {
    "type": "object",
    "required": ["email", "password"],
    "properties": {"email": {"type": "string"}, "password": {"type": "string"}},
    "additionalProperties": False,
}
SESSIONS = {
    "openapi": "3.1.0",
    "info": {"title": "sessions", "version": "1"},
    "paths": {
        "/v1/sessions": {
            "post": {
                "requestBody": {
                    "required": True,
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Credentials"}}},
                },
                "responses": {"201": {"description": "open"}, "401": {"description": "no"}},
            }
        },
        "/v1/sessions/current": {
            "delete": {
                "security": [{"bearer": []}],
                "responses": {"204": {"description": "ended"}, "401": {"description": "no"}},
            }
        },
    },
    "components": {
        "schemas": {"Credentials": CREDENTIALS},
        "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}},
    },
}


@pytest.fixture
def door() -> Iterator[Door]:
    with serving(Door()) as server:
        yield server


@pytest.fixture
def exercise(door: Door, tmp_path: Path) -> Iterator[Exercise]:
    (tmp_path / "password").write_text("right-password")
    file = tmp_path / "here.toml"
    file.write_text(
        f'name = "here"\nmax_impact = "exercise"\n[urls]\napi = "http://127.0.0.1:{door.server_address[1]}"\n'
        '[[accounts]]\nemail = "one@example.test"\npassword = "file:password"\n'
    )
    environment = Environment(profile.load(file))
    yield Exercise(environment, by="a test")
    close_clients(environment.clients)


def test_every_session_that_the_fuzzer_opens_is_ended(door: Door, exercise: Exercise) -> None:
    schema = load(SESSIONS, base_url=exercise.profile.urls["api"], seed=1, examples=4, steps=2)

    _let_in(schema, exercise, signed_in(exercise))
    with exercise.http.carry_requests():
        fuzzed = fuzz(schema)
    exercise.close()

    assert fuzzed.statuses["POST /v1/sessions"][201] > 1
    assert door.ended > 3
    assert door.open == set()
