"""Give each request its ids, its log line, its metrics and its last line of defence.

One pure ASGI middleware, outermost, for FastAPI and Starlette alike:

    app.add_middleware(RequestContext, headers=API_HEADERS)
"""

import re
import secrets
import time
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import NamedTuple

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from system.common import metrics, tracing
from system.common.lifecycle import draining
from system.common.logging import get_logger, log_request, request_id
from system.common.problem import problem

__all__ = ["RequestContext"]

_TOKEN = re.compile(rb"[A-Za-z0-9._-]{1,64}")
LARGEST_HEADERS_BYTES = 32 * 1024  # as the ingress has it; the parser itself knows no limit
_QUIET = frozenset({"/livez", "/readyz", "/metrics"})

log = get_logger("access")


class RequestContext:
    """Set request and trace id, measure, log one line, make a span, close connections while draining, and hide what went wrong.

    `headers` are added to every answer which does not set them itself.
    """

    def __init__(self, app: ASGIApp, headers: Mapping[str, str] | None = None) -> None:
        self.app = app
        given = {"X-Content-Type-Options": "nosniff", **(headers or {})}
        self.headers = {name.lower().encode(): value.encode("latin-1") for name, value in given.items()}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        read = _read(scope["headers"])
        given = _TOKEN.fullmatch(read.request_id)
        request_id.set(given[0].decode() if given else secrets.token_hex(16))
        span = tracing.receive(read.traceparent.decode("latin-1"), quiet=scope["path"] in _QUIET)
        started_s, status = time.perf_counter(), 0

        async def send_with_context(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = self._headers(message)
            await send(message)

        metrics.in_flight.inc()
        try:
            app = _refusal(scope, read) or self.app
            await app(scope, receive, send_with_context)
        except ClientDisconnect:
            status = status or 499  # the caller left before the answer; nginx's number for it
        except Exception as error:
            log.exception("unhandled error")
            span.set_attribute("error.type", type(error).__name__)
            if status:
                raise  # the answer has begun: only a broken connection can tell the caller
            await problem(HTTPStatus.INTERNAL_SERVER_ERROR)(scope, receive, send_with_context)
        finally:
            elapsed_s = time.perf_counter() - started_s
            route = metrics.route_template(scope)
            metrics.in_flight.dec()
            metrics.observe(scope["method"], route, status or 500, elapsed_s)
            tracing.served(span, scope["method"], route, status or 500)
            if scope["path"] not in _QUIET:
                log_request(
                    {
                        "method": scope["method"],
                        "path": scope["path"],
                        "route": route,
                        "status": status or 500,
                        "duration_ms": round(elapsed_s * 1000, 2),
                    }
                )

    def _headers(self, message: Message) -> list[tuple[bytes, bytes]]:
        """Give an answer's headers with what every answer has."""
        headers = [pair for pair in message.get("headers", ()) if pair[0] != b"x-request-id"]
        there = {name for name, _ in headers}
        headers.append((b"x-request-id", request_id.get().encode()))
        for name, value in self.headers.items():
            if name not in there:
                headers.append((name, value))
        if draining.is_set() and b"connection" not in there:
            headers.append((b"connection", b"close"))
        return headers


class _Read(NamedTuple):
    """What there is to know of a request's headers, read once."""

    request_id: bytes
    traceparent: bytes
    hosts: int
    size_bytes: int


def _read(headers: Iterable[tuple[bytes, bytes]]) -> _Read:
    """Look at each header once: the first of a name counts."""
    given_id = parent = b""
    hosts = size_bytes = 0
    for name, value in headers:
        size_bytes += len(name) + len(value)
        if name == b"host":
            hosts += 1
        elif name == b"x-request-id":
            given_id = given_id or value
        elif name == b"traceparent":
            parent = parent or value
    return _Read(given_id, parent, hosts, size_bytes)


def _refusal(scope: Scope, read: _Read) -> ASGIApp | None:
    """Answer what the parser lets through and no server may: RFC 9112, sections 2.3 and 3.2; RFC 6585, section 5."""
    if scope["http_version"] not in {"1.0", "1.1"}:
        status = HTTPStatus.HTTP_VERSION_NOT_SUPPORTED
    elif read.hosts > 1 or (not read.hosts and scope["http_version"] == "1.1"):
        status = HTTPStatus.BAD_REQUEST
    elif read.size_bytes > LARGEST_HEADERS_BYTES:
        status = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
    else:
        return None
    return problem(status, headers={"Connection": "close"})
