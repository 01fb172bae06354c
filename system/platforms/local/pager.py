"""Receives what the monitoring sends to people, by webhook and by mail, collects errors, and notices when its heartbeat stops.

    POST /slack      what a chat's incoming webhook takes
    POST /watchdog   the heartbeat
    POST /api/1/envelope/   what a Sentry SDK sends
    GET  /errors     the last events of these, oldest first, word for word
    GET  /received   everything since the start, oldest first: {"messages": [...], "silent_s": 0.8}
    GET  /metrics

Whoever watches the monitoring must not be part of it: this shares nothing with Prometheus and Alertmanager but the wire.
"""

import argparse
import email
import email.policy
import json
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from prometheus_client import CONTENT_TYPE_LATEST, Counter, Gauge, generate_latest

from system.platforms.local.door import Door
from system.platforms.local.envelopes import events
from system.platforms.local.layout import Layout
from system.platforms.local.parts.pager import NAME

_KEPT, _ERRORS_KEPT = 2000, 100
_LARGEST_BYTES = 1 << 20
_LOOK_EVERY_S = 0.25
_RECEIVED = Counter("pager_messages", "Messages received, by the way they came", ["channel"])
_ERRORS = Counter("pager_errors", "Errors reported by the services", ["instance"])
_SILENT = Gauge("pager_heartbeat_silent_seconds", "How long no heartbeat has come")


class Inbox:
    """Keeps messages, in memory and in a file, and hears the heartbeat.

    Args:
        file: each message is appended to it as a line.
        silence_s: longer without a heartbeat is a message of its own.
    """

    def __init__(self, file: Path, silence_s: float) -> None:
        self._file, self._silence_s = file, silence_s
        self._messages: deque[dict[str, Any]] = deque(maxlen=_KEPT)
        self._errors: deque[dict[str, Any]] = deque(maxlen=_ERRORS_KEPT)
        self._lock = threading.Lock()
        self._beat_s, self._dead = time.monotonic(), False
        _SILENT.set_function(self.silent_s)

    def add(self, channel: str, **message: Any) -> None:
        """Keep a message."""
        line = {"at": time.time(), "channel": channel, **message}
        with self._lock:
            self._messages.append(line)
            with self._file.open("a") as file:
                file.write(json.dumps(line) + "\n")
        _RECEIVED.labels(channel).inc()

    def messages(self) -> list[dict[str, Any]]:
        """List what was kept, oldest first."""
        with self._lock:
            return list(self._messages)

    def add_errors(self, events: Iterable[dict[str, Any]]) -> None:
        """Keep reports of errors, apart from what is meant for people: there may be very many."""
        for event in events:
            self._errors.append(event)
            _ERRORS.labels(str(event.get("server_name", ""))).inc()

    def errors(self) -> list[dict[str, Any]]:
        """List the last reports of errors, oldest first."""
        return list(self._errors)

    def silent_s(self) -> float:
        """Give how long no heartbeat has come."""
        return time.monotonic() - self._beat_s

    def beat(self) -> None:
        """Hear the heartbeat."""
        self._beat_s = time.monotonic()
        if self._dead:
            self._dead = False
            self.add("dead-man", status="resolved", text="the heartbeat of the monitoring is back")

    def look(self) -> None:
        """Say once that the heartbeat has stopped."""
        if not self._dead and self.silent_s() > self._silence_s:
            self._dead = True
            self.add("dead-man", status="firing", text=f"no heartbeat of the monitoring for {self._silence_s:g} s")


class Mail:
    """Takes every mail."""

    def __init__(self, inbox: Inbox) -> None:
        self._inbox = inbox

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802 - the name that aiosmtpd calls
        """Keep the mail's text."""
        mail = email.message_from_bytes(envelope.content, policy=email.policy.default)
        body = mail.get_body(("plain",))
        text = body.get_content() if body else ""
        self._inbox.add("mail", to=envelope.rcpt_tos, subject=str(mail["Subject"]), text=text)
        return "250 taken"


def handler(inbox: Inbox) -> type[Door]:
    """Make the handler of requests."""
    gives: Mapping[str, Callable[[], Any]] = {
        "/received": lambda: {"messages": inbox.messages(), "silent_s": round(inbox.silent_s(), 2)},
        "/errors": inbox.errors,
    }
    takes: Mapping[str, Callable[[bytes, str], None]] = {
        "/slack": lambda body, _encoding: inbox.add("slack", body=json.loads(body)),
        "/watchdog": lambda _body, _encoding: inbox.beat(),
        "/api/1/envelope/": lambda body, encoding: inbox.add_errors(events(body, encoding, _LARGEST_BYTES)),
    }

    class Taking(Door):
        timeout = 5

        def do_GET(self) -> None:
            """Give what was received, or the figures."""
            if self.path == "/metrics":
                self.answer(200, generate_latest(), CONTENT_TYPE_LATEST)
            elif self.path in gives:
                self.answer(200, json.dumps(gives[self.path]()).encode(), "application/json")
            else:
                self.answer(404)

        def do_POST(self) -> None:
            """Take a message, a heartbeat or reports of errors."""
            size = int(self.headers.get("Content-Length") or 0)
            if self.path not in takes or not 0 < size <= _LARGEST_BYTES:
                self.answer(404)
                return
            try:
                takes[self.path](self.rfile.read(size), self.headers.get("Content-Encoding", ""))
            except (ValueError, KeyError, TypeError) as error:
                self.answer(400, f"not understood: {error}".encode())
            else:
                self.answer(200, b"ok")

    return Taking


def main(arguments: list[str]) -> None:
    """Receive for ever."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--base-port", type=int, required=True)
    parser.add_argument("--silence", type=float, required=True)
    options = parser.parse_args(arguments)
    layout = Layout.of(options.state, options.base_port)
    file = layout.data / f"{NAME}.jsonl"
    file.unlink(missing_ok=True)
    inbox = Inbox(file, options.silence)
    mail = layout.addresses.endpoint("pager-mail")
    Controller(Mail(inbox), hostname=mail.address, port=mail.port).start()
    place = layout.addresses.endpoint(NAME)
    server = ThreadingHTTPServer((place.address, place.port), handler(inbox))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    while True:
        inbox.look()
        time.sleep(_LOOK_EVERY_S)


if __name__ == "__main__":
    main(sys.argv[1:])
