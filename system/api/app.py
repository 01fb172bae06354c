"""Put the API together."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import Depends, FastAPI

from system.api import assets, events, operations, playback, previews, promotion, sessions, uploads
from system.api.documents import API_VERSION, errors, install_openapi
from system.api.errors import install_errors
from system.api.services import open_services
from system.api.settings import ApiSettings
from system.common.body import BodyLimit
from system.common.middleware import RequestContext

__all__ = ["create_app"]

LARGEST_BODY_BYTES = 1024 * 1024  # ten thousand parts fit; files go to the store, not here
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "no-referrer",
}
TAGS = (
    {"name": "sessions", "description": "Sign in and out."},
    {"name": "assets", "description": "Videos and their state."},
    {"name": "uploads", "description": "Send the file straight to the object store."},
    {"name": "masters", "description": "Keep an original locked."},
    {"name": "playback", "description": "Watch through signed links."},
    {"name": "operations", "description": "Probes."},
)


def create_app(settings: ApiSettings | None) -> FastAPI:
    """Build the application; without settings it can only describe itself."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        if settings is None:
            raise RuntimeError("an application without settings cannot serve")
        async with open_services(settings) as services:
            app.state.services = services
            yield

    app = FastAPI(
        title="Seatrial",
        version=API_VERSION,
        description="Upload video, watch its preview through signed links, promote it to a locked master.",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        telemetry={"tracing": False, "metrics": False, "logs": False, "operation_spans": False},
        generate_unique_id_function=lambda route: route.name,
    )
    app.include_router(operations.router)
    for part in (sessions, assets, previews, uploads, promotion, playback, events):
        app.include_router(part.router, dependencies=[Depends(sessions.limit_client)], responses=errors(429))
    install_errors(app)
    install_openapi(app, TAGS)
    app.add_middleware(BodyLimit, max_bytes=LARGEST_BODY_BYTES)
    app.add_middleware(RequestContext, headers=HEADERS)
    return app
