"""Say what each request and each job waited for, by OpenTelemetry's spans, to a collector where there is one.

Ids go from service to service with and without a collector, by W3C Trace Context: who makes no spans passes on what it was given.
Only a request or a message begins a trace, and whoever begins it decides whether it is collected. What a span says is bounded and
no secret: templates of routes and names of operations, never a path, a query, a key or the text of an error.
"""

import random
import re
import secrets
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

from opentelemetry import context, trace
from opentelemetry.trace import INVALID_SPAN, NonRecordingSpan, Span, SpanContext, SpanKind, StatusCode, TraceFlags

from system.common import metrics
from system.common.config import ServiceSettings
from system.common.logging import trace_id

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider

__all__ = ["Span", "SpanKind", "end_tracing", "receive", "served", "setup_tracing", "span", "traceparent"]

QUEUE_SPANS, BATCH_SPANS, EVERY_MS = 2048, 512, 1000
LAST_WORDS_S = 1.0
_TRACEPARENT = re.compile(r"00-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})")  # W3C Trace Context, 3.2
_NOWHERE = context.Context()

_provider: "TracerProvider | None" = None
_tracer: trace.Tracer | None = None
_ratio = 0.0
_passed_on: ContextVar[str] = ContextVar("passed_on", default="")  # where the request makes no span


def setup_tracing(settings: ServiceSettings) -> None:
    """Hand spans to the collector from now on, in a thread of its own; without a collector, do nothing.

    What it has no room for is lost: a request never waits for it.
    """
    if not settings.traces_url:
        return
    from opentelemetry.sdk.resources import Resource  # noqa: PLC0415 - of no use without a collector
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415

    from system.common.span_exporter import LazyExporter  # noqa: PLC0415

    who = {
        "service.name": settings.service,
        "service.instance.id": settings.instance,
        "service.version": settings.release,
    }
    global _provider, _tracer, _ratio  # noqa: PLW0603 - set up once, as logging itself is
    _provider = TracerProvider(resource=Resource(who), shutdown_on_exit=False)
    _provider.add_span_processor(
        BatchSpanProcessor(
            LazyExporter(settings.traces_url),
            max_queue_size=QUEUE_SPANS,
            max_export_batch_size=BATCH_SPANS,
            schedule_delay_millis=EVERY_MS,
        )
    )
    _tracer, _ratio = _provider.get_tracer("seatrial"), settings.traces_ratio


def end_tracing() -> None:
    """Hand over what is left, as far as the collector takes it in a second."""
    if _provider is not None:
        ending = threading.Thread(target=_provider.shutdown, daemon=True)
        ending.start()
        ending.join(LAST_WORDS_S)


def receive(given: str, *, quiet: bool) -> Span:
    """Begin a request, as a child of the traceparent that came with it; the logs have its trace id from now on.

    Its span is made where it is collected: as its caller says, else by the ratio, and never for a `quiet` one. The others get by
    without OpenTelemetry, which would cost them most of what a span does.
    """
    read = _TRACEPARENT.fullmatch(given)
    wanted = int(read[3], 16) & TraceFlags.SAMPLED if read else random.random() < _ratio  # noqa: S311 - no secret
    if _tracer is None or quiet or not wanted:
        fresh = "" if read else secrets.token_hex(24)
        trace_id.set(read[1] if read else fresh[:32])
        _passed_on.set(given if read else f"00-{fresh[:32]}-{fresh[32:]}-00")
        context.attach(_NOWHERE)
        return INVALID_SPAN
    begun = _tracer.start_span("HTTP", _context(given), SpanKind.SERVER)
    trace_id.set(f"{begun.get_span_context().trace_id:032x}")
    context.attach(trace.set_span_in_context(begun, _NOWHERE))
    return begun


def served(begun: Span, method: str, route: str, status: int) -> None:
    """End the span of a request: https://opentelemetry.io/docs/specs/semconv/http/http-spans/."""
    if begun.is_recording():
        method = method if method in metrics.METHODS else "_OTHER"
        begun.update_name(f"{method} {route}")
        begun.set_attributes({"http.request.method": method, "http.route": route, "http.response.status_code": status})
        if status >= 500:
            begun.set_status(StatusCode.ERROR)
        begun.end()


@contextmanager
def span(
    name: str, kind: SpanKind, attributes: Mapping[str, str | int] | None = None, *, parent: str | None = None
) -> Iterator[Span]:
    """Measure what is done inside, as a child of the current span, or of a traceparent; where that is not collected, do nothing."""
    within = context.get_current() if parent is None else _context(parent)
    if _tracer is None or not trace.get_current_span(within).get_span_context().trace_flags.sampled:
        yield INVALID_SPAN
        return
    with _tracer.start_as_current_span(
        name, within, kind, attributes, record_exception=False, set_status_on_exception=False
    ) as begun:
        try:
            yield begun
        except BaseException as error:
            begun.set_attribute("error.type", type(error).__name__)
            begun.set_status(StatusCode.ERROR)
            raise


def traceparent() -> str:
    """Give what whoever is asked next goes on with; empty outside of any trace."""
    now = trace.get_current_span().get_span_context()
    if not now.is_valid:
        return _passed_on.get()
    return f"00-{now.trace_id:032x}-{now.span_id:016x}-{now.trace_flags:02x}"


def _context(given: str) -> context.Context:
    """Read a traceparent; one that is none gives no parent."""
    read = _TRACEPARENT.fullmatch(given)
    if read is None:
        return _NOWHERE
    flags = TraceFlags(int(read[3], 16) & TraceFlags.SAMPLED)
    above = SpanContext(int(read[1], 16), int(read[2], 16), is_remote=True, trace_flags=flags)
    return trace.set_span_in_context(NonRecordingSpan(above), _NOWHERE)
