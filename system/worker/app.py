"""Put the worker's probes and its loops into one process."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.middleware import Middleware

from system.common.health import Readiness
from system.common.middleware import RequestContext
from system.common.probes import probe_routes
from system.common.problem import install_problems
from system.worker.service import WorkerService
from system.worker.settings import WorkerSettings

__all__ = ["make_app"]


def make_app(settings: WorkerSettings) -> Starlette:
    """Build the application that listens on the worker's private port; jobs are worked on while it lives."""

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        worker = WorkerService(settings)
        app.router.routes.extend(probe_routes(settings.service, Readiness(worker.probes())))
        await worker.start()
        yield
        await worker.stop()

    app = Starlette(middleware=[Middleware(RequestContext)], lifespan=lifespan)
    install_problems(app)
    return app
