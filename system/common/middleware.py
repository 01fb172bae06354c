"""Give each request its ids, its log line, its metrics and its last line of defence.

One pure ASGI middleware, outermost, for FastAPI and Starlette alike:

    app.add_middleware(RequestContext, headers=API_HEADERS)
"""

import re
import secrets
import time
from collections.abc import Mapping
from http import HTTPStatus

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from system.common import metrics
from system.common.lifecycle import draining
from system.common.logging import get_logger, request_id, trace_id
from system.common.problem import problem

__all__ = ["RequestContext"]

_TOKEN = re.compile(r"[A-Za-z0-9._-]{1,64}")
_TRACEPARENT = re.compile(r"00-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")  # W3C Trace Context, 3.2
LARGEST_HEADERS_BYTES = 32 * 1024  # as the ingress has it; the parser itself knows no limit
_QUIET = frozenset({"/livez", "/readyz", "/metrics"})

log = get_logger("access")


class RequestContext:
    """Set request and trace id, measure, log one line, close connections while draining, and hide what went wrong.

    `headers` are added to every answer which does not set them itself.
    """

    def __init__(self, app: ASGIApp, headers: Mapping[str, str] | None = None) -> None:
        self.app = app
        self.headers = {"X-Content-Type-Options": "nosniff", **(headers or {})}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request = Headers(scope=scope)
        given = request.get("x-request-id", "")
        request_id.set(given if _TOKEN.fullmatch(given) else secrets.token_hex(16))
        parent = _TRACEPARENT.fullmatch(request.get("traceparent", ""))
        trace_id.set(parent.group(1) if parent else secrets.token_hex(16))
        started_s, status = time.perf_counter(), 0

        async def send_with_context(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers["X-Request-Id"] = request_id.get()
                for name, value in self.headers.items():
                    headers.setdefault(name, value)
                if draining.is_set():
                    headers["Connection"] = "close"
            await send(message)

        metrics.in_flight.inc()
        try:
            app = _refusal(scope) or self.app
            await app(scope, receive, send_with_context)
        except ClientDisconnect:
            status = status or 499  # the caller left before the answer; nginx's number for it
        except Exception:
            log.exception("unhandled error")
            if status:
                raise  # the answer has begun: only a broken connection can tell the caller
            await problem(HTTPStatus.INTERNAL_SERVER_ERROR)(scope, receive, send_with_context)
        finally:
            elapsed_s = time.perf_counter() - started_s
            route = metrics.route_template(scope)
            metrics.in_flight.dec()
            metrics.observe(scope["method"], route, status or 500, elapsed_s)
            if scope["path"] not in _QUIET:
                log.info(
                    "request",
                    extra={
                        "method": scope["method"],
                        "path": scope["path"],
                        "route": route,
                        "status": status or 500,
                        "duration_ms": round(elapsed_s * 1000, 2),
                    },
                )


def _refusal(scope: Scope) -> ASGIApp | None:
    """Answer what the parser lets through and no server may: RFC 9112, sections 2.3 and 3.2; RFC 6585, section 5."""
    hosts = size_bytes = 0
    for name, value in scope["headers"]:
        hosts += name == b"host"
        size_bytes += len(name) + len(value)
    if scope["http_version"] not in {"1.0", "1.1"}:
        status = HTTPStatus.HTTP_VERSION_NOT_SUPPORTED
    elif hosts > 1 or (not hosts and scope["http_version"] == "1.1"):
        status = HTTPStatus.BAD_REQUEST
    elif size_bytes > LARGEST_HEADERS_BYTES:
        status = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
    else:
        return None
    return problem(status, headers={"Connection": "close"})
