"""Routes that are missing or misplaced."""

from typing import ClassVar

from faults._code import PatchedRelease
from seatrial import fault
from seatrial.platform import Patch

APP, PROMOTION = "system/api/app.py", "system/api/promotion.py"


@fault("route-not-registered", kind="code", caught_by={"DEP-API-01": "/v1/assets/{asset_id}/promote"}, takes_s=30.0)
class NotRegistered(PatchedRelease):
    """A router exists and was never included: its unit tests pass, production answers 404.

    Source: the deployment specification of September 2025: 49 of 63 tests failed, "routes returning 404 errors".
    """

    services = ("api",)
    patch: ClassVar = [
        Patch(file=APP, find="uploads, promotion, playback, events):", replace="uploads, playback, events):")
    ]


@fault("router-misplaced", kind="code", caught_by={"DEP-API-01": "/v1/assets/{asset_id}/promote"}, takes_s=30.0)
class Misplaced(PatchedRelease):
    """A router is mounted under another prefix than the contract says.

    Source: the deployment specification of September 2025, task 1.1: "verify route registration and middleware chain".
    """

    services = ("api",)
    patch: ClassVar = [
        Patch(file=PROMOTION, find='APIRouter(prefix="/v1/assets"', replace='APIRouter(prefix="/api/v1/assets"')
    ]


@fault("request-id-not-given-back", kind="code", caught_by={"DEP-API-01": "the request id of"}, takes_s=30.0)
class RequestIdLost(PatchedRelease):
    """The middleware that gives each request its id is not installed.

    Source: https://docs.stripe.com/api/request_ids (the id in the answer's headers is what a caller names when it asks for help)
    """

    services = ("api",)
    patch: ClassVar = [Patch(file=APP, find="    app.add_middleware(RequestContext, headers=HEADERS)\n", replace="")]
