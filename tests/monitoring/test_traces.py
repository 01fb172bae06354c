"""The collector of spans: what OpenTelemetry's exporter sends, what is kept of it and for how long, and what is refused."""

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx2
import pytest

from system.platforms.local.otlp import Span, spans
from system.platforms.local.traces import Store, handler
from tests.serving import answering

SPAN = Span("ab" * 16, "cd" * 8, "", "api", "api-1", "r1", "GET /", "server", 2, 5, failed=False, attributes={"a": 1})
TRACE, CALLER = "ef" * 16, "01" * 8
# A process of its own: spans are set up once, for good.
SERVICE = """
import sys
from system.common import metrics, tracing
from system.common.config import ServiceSettings
from system.common.logging import setup_logging
from system.common.tracing import SpanKind, end_tracing, receive, served, setup_tracing, span
tracing.LAST_WORDS_S = 60.0  # a service that has lived for longer has the exporter's modules already
settings = ServiceSettings("api", "api-1", "r1", "127.0.0.1", 1, "INFO", "", sys.argv[1])
setup_logging(settings)
setup_tracing(settings)
begun = receive(sys.argv[2], quiet=False)
with span("postgresql", SpanKind.CLIENT, {"db.system.name": "postgresql", "server.port": 1}):
    assert not any(name.startswith(("opentelemetry.proto", "requests")) for name in sys.modules)
served(begun, "GET", "/v1/assets", 500)
end_tracing()
print({each.labels["outcome"]: each.value for each in metrics.spans.collect()[0].samples if each.name.endswith("_total")})
"""


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "traces.sqlite", kept_s=100, kept_spans=3)


@pytest.fixture
def door(store: Store) -> Iterator[str]:
    """Where the collector listens, as host:port."""
    with answering(handler(store)) as port:
        yield f"127.0.0.1:{port}"


def service(url: str) -> list[str]:
    """Run a service that serves one request; gives the lines that it printed."""
    done = subprocess.run(
        [sys.executable, "-c", SERVICE, url, f"00-{TRACE}-{CALLER}-01"],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        cwd=Path(__file__).parents[2],
        env={"PATH": os.defpath},
    )
    assert done.stderr == ""
    return done.stdout.splitlines()


def test_the_spans_of_a_request_can_be_asked_for_by_its_trace(door: str) -> None:
    assert service(f"http://{door}/v1/traces") == ["{'exported': 2.0}"]
    with httpx2.Client(trust_env=False) as client:
        answer = client.get(f"http://{door}/traces/{TRACE}").json()
        assert client.get(f"http://{door}/traces/{'0' * 32}").status_code == 404
        assert 'traces_spans_received_total{service="api"} 2.0' in client.get(f"http://{door}/metrics").text
    request, inside = answer["spans"]
    assert (request["parent"], inside["parent"]) == (CALLER, request["id"])
    assert {(each["service"], each["instance"], each["release"]) for each in answer["spans"]} == {
        ("api", "api-1", "r1")
    }
    assert (request["name"], request["kind"], request["failed"]) == ("GET /v1/assets", "server", True)
    assert (inside["name"], inside["kind"], inside["failed"]) == ("postgresql", "client", False)
    assert inside["attributes"] == {"db.system.name": "postgresql", "server.port": 1}
    assert request["start_ns"] <= inside["start_ns"] <= inside["end_ns"] <= request["end_ns"]


def test_spans_that_no_collector_takes_are_lost_and_said(door: str) -> None:
    line, counted = service(f"http://{door}/v1/metrics")
    assert '"message": "spans are lost"' in line
    assert "code: 404" in line
    assert counted == "{'lost': 2.0}"


@pytest.mark.parametrize(
    ("path", "headers", "body", "status"),
    [
        ("/v1/traces", {"Content-Type": "application/x-protobuf"}, b"no protobuf", 400),
        ("/v1/traces", {"Content-Type": "application/json"}, b"{}", 415),
        ("/v1/traces", {"Content-Type": "application/x-protobuf", "Content-Encoding": "gzip"}, b"x", 415),
        ("/v1/metrics", {"Content-Type": "application/x-protobuf"}, b"x", 404),
    ],
)
def test_what_is_no_span_is_refused(door: str, path: str, headers: dict[str, str], body: bytes, status: int) -> None:
    with httpx2.Client(trust_env=False) as client:
        assert client.post(f"http://{door}{path}", content=body, headers=headers).status_code == status


def test_a_span_without_its_ids_is_refused() -> None:
    with pytest.raises(ValueError, match="no ids"):
        spans(b"\x0a\x04\x12\x02\x12\x00")


def test_spans_are_given_by_the_time_at_which_they_began_and_of_one_trace_alone(store: Store) -> None:
    other = replace(SPAN, trace="00" * 16)
    store.add([replace(SPAN, start_ns=9, name="late"), SPAN, other], now_s=0.0)
    assert [each["name"] for each in store.trace(SPAN.trace)] == ["GET /", "late"]


def test_what_is_too_old_goes_and_the_oldest_of_what_is_too_much(store: Store) -> None:
    store.add([replace(SPAN, name=f"{number}") for number in range(5)], now_s=1000.0)
    store.tidy(1000.0)
    assert [each["name"] for each in store.trace(SPAN.trace)] == ["2", "3", "4"]
    store.add([replace(SPAN, name="5")], now_s=1090.0)
    store.tidy(1101.0)
    assert [each["name"] for each in store.trace(SPAN.trace)] == ["5"]


def test_a_file_that_is_there_is_gone_on_with(tmp_path: Path, store: Store) -> None:
    store.add([SPAN], now_s=0.0)
    assert len(Store(tmp_path / "traces.sqlite", kept_s=100, kept_spans=3).trace(SPAN.trace)) == 1
