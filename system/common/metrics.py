"""Count requests, errors and durations per route template, in Prometheus' text format.

Labels are bounded: an unmatched path is `unmatched`, an unknown method is `other`.
"""

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from prometheus_client import CONTENT_TYPE_LATEST, Counter, Gauge, Histogram, Info, generate_latest
from starlette.requests import Request
from starlette.responses import Response

from system.common.config import ServiceSettings

__all__ = [
    "METHODS",
    "in_flight",
    "metrics_endpoint",
    "observe",
    "route_template",
    "set_release",
    "spans",
    "watch_pool",
]

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)

requests = Counter("http_requests", "Answered requests.", ["method", "route", "status"])
durations = Histogram(
    "http_request_duration_seconds", "Time to the end of the answer.", ["method", "route"], buckets=_BUCKETS_S
)
in_flight = Gauge("http_requests_in_flight", "Requests being served.")
dependency_up = Gauge("dependency_up", "1 when the last probe of the dependency succeeded.", ["dependency"])
pool_connections = Gauge("database_pool_connections", "Connections that the pool holds.")
pool_waiting = Gauge("database_pool_waiting", "Callers that wait for a connection.")
spans = Counter("trace_spans", "Spans that the collector has taken, or that were lost on the way.", ["outcome"])
release = Info("seatrial", "Which release this instance runs.")


def route_template(scope: Any) -> str:
    """Give the route's template, never the path itself."""
    return getattr(scope.get("route"), "path", None) or "unmatched"


def observe(method: str, route: str, status: int, elapsed_s: float) -> None:
    """Record one answer."""
    count, duration = _series(method if method in METHODS else "other", route, status)
    count.inc()
    duration.observe(elapsed_s)


@cache
def _series(method: str, route: str, status: int) -> tuple[Counter, Histogram]:
    """Look the labels up once: they are few, and a look-up takes a lock."""
    return requests.labels(method, route, str(status)), durations.labels(method, route)


def set_release(settings: ServiceSettings) -> None:
    """Publish which release and instance the figures come from."""
    release.info({"service": settings.service, "instance": settings.instance, "release": settings.release})


def watch_pool(stats: Callable[[], Mapping[str, int]]) -> None:
    """Publish the figures of a pool of psycopg, by its `get_stats`, whenever somebody asks."""
    pool_connections.set_function(lambda: stats().get("pool_size", 0))
    pool_waiting.set_function(lambda: stats().get("requests_waiting", 0))


async def metrics_endpoint(_request: Request) -> Response:
    """Answer GET /metrics; the ingress never passes it on."""
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)
