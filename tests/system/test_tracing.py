"""Spans of requests, messages and the store's operations: one unbroken trace, and nothing in it that was sent by a user."""

import asyncio
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from opentelemetry import context
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from starlette.responses import PlainTextResponse
from starlette.routing import Route, Router

from system.common import tracing
from system.common.logging import trace_id
from system.common.middleware import RequestContext
from system.common.queue import STREAM, JobMessage, publish
from system.common.s3 import ObjectStore, StoreUnavailableError
from system.common.tracing import SpanKind, receive, served, span, traceparent
from tests.system.store_stand_in import StandIn

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

TRACE, CALLER = "ab" * 16, "cd" * 8
GIVEN = f"00-{TRACE}-{CALLER}-01"


@pytest.fixture(autouse=True)
def nowhere() -> Iterator[None]:
    """Leave no trace in the context of other tests."""
    token = context.attach(context.Context())
    yield
    context.detach(token)
    trace_id.set("")
    tracing._passed_on.set("")


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> InMemorySpanExporter:
    """The spans that were made, of all traces that nobody has decided about."""
    kept = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(kept))
    monkeypatch.setattr(tracing, "_tracer", provider.get_tracer("test"))
    monkeypatch.setattr(tracing, "_ratio", 1.0)
    return kept


def above(each: ReadableSpan) -> str:
    return f"{each.parent.span_id:016x}" if each.parent else ""


def own(each: ReadableSpan) -> str:
    assert each.context is not None
    return f"{each.context.span_id:016x}"


@pytest.mark.parametrize("given", ["", "nonsense", f"00-{'0' * 32}-{CALLER}-01", f"00-{TRACE}-{'0' * 16}-01"])
def test_a_request_without_a_traceparent_begins_a_trace_that_is_passed_on(given: str) -> None:
    served(receive(given, quiet=False), "GET", "/", 200)
    assert len(trace_id.get()) == 32
    assert traceparent().startswith(f"00-{trace_id.get()}-")
    assert traceparent().endswith("-00")


def test_without_a_collector_what_came_is_passed_on_as_it_came() -> None:
    receive(GIVEN, quiet=False)
    with span("inside", SpanKind.CLIENT):
        assert (trace_id.get(), traceparent()) == (TRACE, GIVEN)


def test_a_request_is_a_child_of_its_caller_and_the_parent_of_what_it_does(made: InMemorySpanExporter) -> None:
    begun = receive(GIVEN, quiet=False)
    with span("inside", SpanKind.CLIENT, {"server.port": 1}):
        passed_on = traceparent()
    served(begun, "BREW", "/v/{asset_id}", 503)
    inside, outside = made.get_finished_spans()
    assert trace_id.get() == TRACE
    assert passed_on == f"00-{TRACE}-{own(inside)}-01"
    assert (above(inside), above(outside)) == (own(outside), CALLER)
    assert (outside.name, outside.kind, outside.status.is_ok) == ("_OTHER /v/{asset_id}", SpanKind.SERVER, False)
    assert dict(outside.attributes or {}) == {
        "http.request.method": "_OTHER",
        "http.route": "/v/{asset_id}",
        "http.response.status_code": 503,
    }


@pytest.mark.parametrize(("given", "quiet"), [(f"00-{TRACE}-{CALLER}-00", False), (GIVEN, True)])
def test_what_its_caller_does_not_collect_and_a_probe_make_no_span(
    given: str, quiet: bool, made: InMemorySpanExporter
) -> None:
    begun = receive(given, quiet=quiet)
    with span("inside", SpanKind.CLIENT):
        assert traceparent() == given
    served(begun, "GET", "/", 200)
    assert made.get_finished_spans() == ()


def test_the_ratio_decides_where_nobody_has(made: InMemorySpanExporter, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracing, "_ratio", 0.0)
    served(receive("", quiet=False), "GET", "/", 200)
    assert made.get_finished_spans() == ()
    monkeypatch.setattr(tracing, "_ratio", 1.0)
    served(receive("", quiet=False), "GET", "/", 200)
    (one,) = made.get_finished_spans()
    assert one.context is not None
    assert f"{one.context.trace_id:032x}" == trace_id.get()


def test_what_no_request_and_no_message_asked_for_makes_no_span(made: InMemorySpanExporter) -> None:
    with span("in the background", SpanKind.CLIENT):
        assert traceparent() == ""
    assert made.get_finished_spans() == ()


def test_an_error_is_named_by_its_type_and_its_text_is_kept_back(made: InMemorySpanExporter) -> None:
    receive(GIVEN, quiet=False)
    with pytest.raises(ValueError, match="secret"), span("inside", SpanKind.CLIENT):
        raise ValueError("a secret")
    (one,) = made.get_finished_spans()
    assert (dict(one.attributes or {}), one.events) == ({"error.type": "ValueError"}, ())
    assert not one.status.is_ok
    assert one.status.description is None


def test_a_request_of_an_application_has_its_route_and_neither_its_path_nor_its_query(
    made: InMemorySpanExporter,
) -> None:
    async def endpoint(_request: object) -> PlainTextResponse:
        return PlainTextResponse(traceparent())

    async def fails(_request: object) -> PlainTextResponse:
        raise KeyError("token")

    app = RequestContext(Router([Route("/a/{id}", endpoint), Route("/fails", fails)]))
    answer = asyncio.run(asked(app, "/a/my-video", b"sig=hush"))
    asyncio.run(asked(app, "/fails", b""))
    first, second = made.get_finished_spans()
    assert answer == f"00-{TRACE}-{own(first)}-01"
    assert (first.name, second.name) == ("GET /a/{id}", "GET /fails")
    assert (second.attributes or {})["error.type"] == "KeyError"
    assert not any(said in f"{first.to_json()}{second.to_json()}" for said in ("my-video", "hush", "token"))


async def asked(app: Any, path: str, query: bytes) -> str:
    sent: list[Any] = []

    async def receive_() -> dict[str, object]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": "GET",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query,
        "root_path": "",
        "headers": [(b"host", b"a"), (b"traceparent", GIVEN.encode())],
    }
    await app(scope, receive_, send)
    return b"".join(each.get("body", b"") for each in sent).decode()


class Stream:
    """Takes entries in Redis' place."""

    def __init__(self) -> None:
        self.entries: list[dict[str, str]] = []

    async def xadd(self, stream: str, fields: dict[str, str]) -> None:
        assert stream == STREAM
        self.entries.append(fields)


def sent(message: JobMessage) -> JobMessage:
    stream: Any = Stream()
    asyncio.run(publish(stream, STREAM, message))
    return JobMessage.parse(stream.entries[0])


def test_a_message_leads_from_who_asked_for_it_to_who_works_on_it(made: InMemorySpanExporter) -> None:
    arrived = sent(JobMessage.of(uuid4(), uuid4(), GIVEN))
    with span("process", SpanKind.CONSUMER, parent=arrived.traceparent):
        pass
    sending, processing = made.get_finished_spans()
    assert (arrived.trace, above(sending), above(processing)) == (TRACE, CALLER, own(sending))


def test_a_message_without_a_collector_says_what_was_kept_of_its_request() -> None:
    job_id, asset_id = uuid4(), uuid4()
    assert sent(JobMessage.of(job_id, asset_id, GIVEN)) == JobMessage(job_id, asset_id, TRACE, GIVEN)
    assert sent(JobMessage.of(job_id, asset_id, TRACE)) == JobMessage(job_id, asset_id, TRACE, "")
    assert JobMessage.parse({"job_id": str(job_id), "asset_id": str(asset_id), "trace": TRACE}).trace == TRACE


@pytest.fixture
def store() -> Iterator[ObjectStore]:
    """Ask one that has every object, and loses the connection before the end of what it gives."""
    with StandIn(b"a", announced=2).serving() as settings:
        found = ObjectStore(settings, limit_s=60)  # with the time that boto3 takes to be imported
        yield found
        found.close()


def test_operations_of_the_store_follow_each_other_under_the_request(
    made: InMemorySpanExporter, store: ObjectStore
) -> None:
    def both(s3: "S3Client") -> None:
        s3.head_object(Bucket="previews", Key="previews/my-video")
        s3.get_object(Bucket="previews", Key="previews/my-video")["Body"].read()

    async def serve() -> None:
        begun = receive(GIVEN, quiet=False)
        with pytest.raises(StoreUnavailableError):
            await store.run(both)
        served(begun, "GET", "/", 200)

    asyncio.run(serve())
    head, get, request = made.get_finished_spans()
    assert [head.name, get.name] == ["S3/HeadObject", "S3/GetObject"]
    assert above(head) == above(get) == own(request)
    assert "error.type" not in (head.attributes or {})
    assert (get.attributes or {})["error.type"] == "ResponseStreamingError"
    assert "my-video" not in f"{head.to_json()}{get.to_json()}"
