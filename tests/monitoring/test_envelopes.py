"""Reports of errors: what the services' reporter sends, and what the collector makes of it and of everything else."""

import gzip
import json
import os
import subprocess
import sys
from pathlib import Path

import httpx2
import pytest

from system.platforms.local.envelopes import events
from system.platforms.local.pager import Inbox

EVENT = {"event_id": "1", "message": "one\ntwo"}
LARGE = 1 << 20
# A process of its own: a reporter is set up once, for good.
SERVICE = """
import sys
from system.common.config import ServiceSettings
from system.common.logging import get_logger, request_id, setup_logging, trace_id
from system.common.reporting import setup_reporting
settings = ServiceSettings("api", "api-1", "r1", "127.0.0.1", 1, "INFO", sys.argv[1])
setup_logging(settings)
setup_reporting(settings)
trace_id.set("ab" * 16)
request_id.set("request-1")
get_logger("api").warning("no error")
def fails():
    token = "what-nobody" + "-may-know"
    return {}[len(token)]
try:
    fails()
except KeyError:
    get_logger("api").exception("unhandled error")
"""


def envelope(*items: tuple[dict[str, object], bytes]) -> bytes:
    return b'{"event_id":"1"}\n' + b"".join(
        json.dumps(head).encode() + b"\n" + payload + b"\n" for head, payload in items
    )


def item(kind: str, said: object, *, length: bool = True) -> tuple[dict[str, object], bytes]:
    payload = json.dumps(said).encode()
    return {"type": kind, **({"length": len(payload)} if length else {})}, payload


@pytest.mark.parametrize("length", [True, False])
def test_events_are_read_and_what_else_is_in_an_envelope_is_not(length: bool) -> None:
    body = envelope(item("client_report", {"x": 1}), item("event", EVENT, length=length), item("session", {}))
    assert events(body, "", LARGE) == [EVENT]
    assert events(gzip.compress(body), "gzip", LARGE) == [EVENT]


@pytest.mark.parametrize(
    ("body", "encoding"),
    [
        (b"", ""),
        (b"no json\n", ""),
        (envelope(({"type": "event", "length": 99}, b"{}")), ""),
        (envelope(item("event", EVENT)), "br"),
        (b"no gzip", "gzip"),
        (gzip.compress(envelope(item("event", EVENT)))[:-4], "gzip"),
        (gzip.compress(envelope(item("event", "x" * LARGE))), "gzip"),
    ],
    # The bytes are no names: gzip writes the time into them, and each worker would collect other tests.
    ids=["empty", "no json", "cut", "unknown encoding", "no gzip", "gzip cut", "too large"],
)
def test_what_is_no_envelope_is_refused(body: bytes, encoding: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        events(body, encoding, LARGE)


def test_the_collector_says_what_it_cannot_read(door: str, inbox: Inbox) -> None:
    with httpx2.Client(trust_env=False) as client:
        answer = client.post(f"http://{door}/api/1/envelope/", content=b"no json")
        assert (answer.status_code, client.get(f"http://{door}/errors").json()) == (400, [])
    assert inbox.messages() == []


def test_an_error_is_reported_with_its_ids_and_without_variables_and_a_warning_is_not(door: str, inbox: Inbox) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SERVICE, f"http://seatrial@{door}/1"],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        cwd=Path(__file__).parents[2],
        env={"PATH": os.defpath},  # as a service's: no proxy stands between it and the collector
    )
    assert (done.stderr, len(done.stdout.splitlines())) == ("", 2)
    (event,) = inbox.errors()
    (error,) = event["exception"]["values"]
    assert (error["type"], error["stacktrace"]["frames"][-1]["function"]) == ("KeyError", "fails")
    assert (event["release"], event["server_name"]) == ("r1", "api-1")
    assert event["tags"] == {"service": "api", "request_id": "request-1"}
    assert event["contexts"]["trace"]["trace_id"] == "ab" * 16
    assert "what-nobody-may-know" not in json.dumps(event)
    assert not any(frame.get("vars") for frame in error["stacktrace"]["frames"])


def test_without_a_collector_nothing_is_sent_and_nothing_loaded() -> None:
    script = f"{SERVICE}\nassert 'sentry_sdk' not in sys.modules"
    done = subprocess.run([sys.executable, "-c", script, ""], capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
