"""Read the spans that OpenTelemetry's exporters send: https://opentelemetry.io/docs/specs/otlp/#otlphttp-request."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span as Sent

_KINDS = {number: name.removeprefix("SPAN_KIND_").lower() for name, number in Sent.SpanKind.items()}
_ID_BYTES, _TRACE_ID_BYTES = 8, 16
_FAILED = 2  # STATUS_CODE_ERROR


@dataclass(frozen=True)
class Span:
    """One span; ids are hexadecimal, `parent` is empty for one that has none, times are in nanoseconds since 1970."""

    trace: str
    id: str
    parent: str
    service: str
    instance: str
    release: str
    name: str
    kind: str
    start_ns: int
    end_ns: int
    failed: bool
    attributes: dict[str, Any]


def spans(body: bytes) -> list[Span]:
    """Give the spans of an export request; raises ValueError for what is none, and for a span without its ids."""
    try:
        request = ExportTraceServiceRequest.FromString(body)
    except DecodeError as error:
        raise ValueError(f"no export request: {error}") from None
    return list(_spans(request))


def _spans(request: ExportTraceServiceRequest) -> Iterator[Span]:
    for of_one in request.resource_spans:
        who = _attributes(of_one.resource.attributes)
        for scope in of_one.scope_spans:
            for each in scope.spans:
                if (len(each.trace_id), len(each.span_id)) != (_TRACE_ID_BYTES, _ID_BYTES):
                    raise ValueError(f"the span {each.name!r} has no ids")
                yield Span(
                    each.trace_id.hex(),
                    each.span_id.hex(),
                    each.parent_span_id.hex(),
                    str(who.get("service.name", "")),
                    str(who.get("service.instance.id", "")),
                    str(who.get("service.version", "")),
                    each.name,
                    _KINDS.get(each.kind, "unspecified"),
                    each.start_time_unix_nano,
                    each.end_time_unix_nano,
                    each.status.code == _FAILED,
                    _attributes(each.attributes),
                )


def _attributes(sent: Iterable[KeyValue]) -> dict[str, Any]:
    return {each.key: _value(each.value) for each in sent}


def _value(sent: AnyValue) -> Any:
    which = sent.WhichOneof("value")
    if which == "array_value":
        return [_value(each) for each in sent.array_value.values]
    if which == "kvlist_value":
        return _attributes(sent.kvlist_value.values)
    if which == "bytes_value":
        return sent.bytes_value.hex()
    return getattr(sent, which) if which else None
