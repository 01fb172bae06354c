"""Put the frontend together: pages, static files, probes, and the rules that hold for all of them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import Route

from system.common.body import BodyLimit
from system.common.health import Readiness
from system.common.middleware import RequestContext
from system.common.probes import probe_routes
from system.frontend.api import Api
from system.frontend.errors import install_errors
from system.frontend.pages import Pages
from system.frontend.security import SameOrigin, page_headers
from system.frontend.session import Refresher
from system.frontend.settings import FrontendSettings
from system.frontend.static_files import StaticFiles
from system.frontend.templates import Templates

__all__ = ["make_app"]

LARGEST_BODY_BYTES = 16 * 1024


def make_app(settings: FrontendSettings) -> Starlette:
    """Build the application."""
    api, static = Api(settings.api_urls), StaticFiles()
    templates = Templates(static.url)
    pages = Pages(api, Refresher(api), templates, settings.trusted_proxies)

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        yield
        await api.close()

    app = Starlette(
        routes=[
            *probe_routes(settings.service, Readiness({"api": api.probe})),
            Route("/static/{name}", static.endpoint),
            *pages.routes(),
        ],
        middleware=[
            Middleware(RequestContext, headers=page_headers(settings)),
            Middleware(SameOrigin, origin=settings.app_origin),
            Middleware(BodyLimit, max_bytes=LARGEST_BODY_BYTES),
        ],
        lifespan=lifespan,
    )
    # A redirect to the path with or without a slash would be built from the Host header that the caller sent.
    app.router.redirect_slashes = False
    install_errors(app, templates)
    return app
