"""Answer the balancer, the deployer and the monitoring."""

from fastapi import APIRouter
from fastapi.responses import JSONResponse, Response

from system.api.documents import errors
from system.api.models import Health, ReadinessDocument, Version
from system.api.services import Service
from system.common.metrics import metrics_endpoint

__all__ = ["router"]

router = APIRouter(tags=["operations"])


@router.get("/livez", responses=errors())
async def live() -> Health:
    """Say that the process lives, whatever its dependencies do."""
    return Health()


@router.get("/readyz", response_model=ReadinessDocument, responses={**errors(), 503: {"model": ReadinessDocument}})
async def ready(services: Service) -> Response:
    """Say whether the instance can serve, naming what it lacks."""
    report = await services.readiness.report()
    return JSONResponse(report.body, status_code=report.status_code)


@router.get("/version", responses=errors())
async def version(services: Service) -> Version:
    """Say which release runs here."""
    service = services.settings.service
    return Version(service=service.service, instance=service.instance, release=service.release)


router.add_api_route("/metrics", metrics_endpoint, include_in_schema=False)
