"""Traces that end where the question begins, and traces that say too much."""

from typing import ClassVar

from faults._code import PatchedRelease
from seatrial import fault
from seatrial.platform import Patch

TRACING = "system/common/tracing.py"


@fault("span-lost-at-stream", kind="code", takes_s=45.0, caught_by={"MON-10": "a span of working on the job"})
class LostAtStream(PatchedRelease):
    """The message has the trace id for the logs and no context for the spans: what the worker does is in no trace.

    Source: https://opentelemetry.io/docs/specs/semconv/messaging/messaging-spans/ (context propagation)
    """

    patch: ClassVar = [
        Patch(
            file="system/common/queue.py",
            find="traceparent=tracing.traceparent() or message.traceparent)",
            replace='traceparent="")',
        )
    ]


@fault("span-exporter-off", kind="code", takes_s=45.0, caught_by={"MON-10": "a span of playing at the edge"})
class ExporterOff(PatchedRelease):
    """Spans were slow at the edge once and were turned off there; everybody else's traces look whole since then.

    Source: https://opentelemetry.io/docs/languages/sdk-configuration/general/ (OTEL_SDK_DISABLED)
    """

    patch: ClassVar = [
        Patch(
            file=TRACING,
            find="    if not settings.traces_url:\n",
            replace='    if not settings.traces_url or settings.service == "edge":\n',
        )
    ]


@fault("span-parent-made-up", kind="code", takes_s=45.0, caught_by={"MON-10": "the parent of every span in the trace"})
class ParentMadeUp(PatchedRelease):
    """The frontend sends the trace id on and makes up the parent: logs agree, and every trace is in two pieces.

    Source: https://www.w3.org/TR/trace-context/#parent-id (the id of this request as known by the caller)
    """

    patch: ClassVar = [
        Patch(
            file="system/frontend/api.py",
            find='    return {"traceparent": traceparent} if traceparent else {}\n',
            replace='    return {"traceparent": f"{traceparent[:36]}{secrets.token_hex(8)}-01"} if traceparent else {}\n',
        )
    ]


@fault("span-with-query", kind="code", takes_s=45.0, caught_by={"MON-10": "nothing that a user sent"})
class WithQuery(PatchedRelease):
    """Spans have the query of the request, as many instrumentations do, and with it the signatures of links.

    Source: https://opentelemetry.io/docs/specs/semconv/http/http-spans/ (url.query: sensitive content should be scrubbed)
    """

    patch: ClassVar = [
        Patch(
            file="system/common/middleware.py",
            find='quiet=scope["path"] in _QUIET)\n',
            replace='quiet=scope["path"] in _QUIET)\n        span.set_attribute("url.query", scope["query_string"].decode())\n',
        )
    ]
