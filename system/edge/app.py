"""Put the edge together: the play route, the probes, the cache, the store."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from system.common.health import Readiness
from system.common.middleware import RequestContext
from system.common.probes import probe_routes
from system.common.problem import install_problems
from system.common.s3 import ObjectStore
from system.edge.cache import DiskCache
from system.edge.origin import Origin
from system.edge.play import Play
from system.edge.settings import EdgeSettings
from system.edge.verdict import Verdict

__all__ = ["make_app"]

STORE_TIMEOUT_S = 1.5  # without a byte, twice at most
FILL_S = 120.0  # for the whole of an object
# Media is embedded by the frontend's pages, and nothing here is ever a page.
HEADERS = {
    "Cache-Control": "no-store",  # of what does not say otherwise: a 404 may be kept by everybody (RFC 9110, 15.1)
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "no-referrer",
}


def make_app(settings: EdgeSettings) -> ASGIApp:
    """Build the application over what the cache's directory holds; raises ConfigError where that is not the edge's.

    Links take a short way: routing them would cost as much as verifying them.
    """
    store, fills = (ObjectStore(settings.storage, read_timeout_s=STORE_TIMEOUT_S, limit_s=FILL_S) for _ in range(2))
    origin = Origin(store, fills, settings.storage.previews)
    cache = DiskCache(settings.cache_dir, settings.cache_max_bytes, origin)
    cache.load()
    play = Play(settings, cache, origin)

    async def store_answers() -> None:
        await store.probe(settings.storage.previews)

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        yield
        store.close()
        fills.close()

    probes = {"s3": store_answers, "cache": cache.probe}
    app = Starlette(
        routes=[
            Route("/verdict/v/{asset_id}/{variant}", Verdict(play)),
            *probe_routes(settings.service, Readiness(probes, spared=("cache",))),
        ],
        middleware=[Middleware(RequestContext, headers=HEADERS)],
        lifespan=lifespan,
    )
    # A redirect to the path with or without a slash would be built from the Host header that the caller sent.
    app.router.redirect_slashes = False
    install_problems(app)
    links, route = RequestContext(play, HEADERS), Route("/v/{asset_id}/{variant}", play)

    async def edge(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"].startswith("/v/"):
            scope["route"] = route  # by which it is counted
            await links(scope, receive, send)
        else:
            await app(scope, receive, send)

    return edge
