"""Give every service its probe routes: /livez, /readyz, /version and /metrics."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from system.common.config import ServiceSettings
from system.common.health import Readiness
from system.common.metrics import metrics_endpoint

__all__ = ["probe_routes"]


def probe_routes(settings: ServiceSettings, readiness: Readiness) -> list[Route]:
    """Make the four routes; /metrics is for the private network, the ingress answers 404 for it."""

    async def live(_request: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def ready(_request: Request) -> Response:
        report = await readiness.report()
        return JSONResponse(report.body, status_code=report.status_code)

    async def version(_request: Request) -> Response:
        return JSONResponse({"service": settings.service, "instance": settings.instance, "release": settings.release})

    return [
        Route("/livez", live),
        Route("/readyz", ready),
        Route("/version", version),
        Route("/metrics", metrics_endpoint),
    ]
