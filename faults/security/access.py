"""Doors that were left open."""

from typing import ClassVar

from faults._code import PatchedRelease
from seatrial import fault
from seatrial.platform import Patch

EVENTS, OPERATIONS, TOKENS = "system/api/events.py", "system/api/operations.py", "system/api/tokens.py"


@fault(
    "route-added-without-guard",
    kind="code",
    caught_by={"SEC-ACL-01": "401 for GET /v1/export", "DEP-API-01": "nothing beyond the committed contract"},
    takes_s=30.0,
)
class RouteAdded(PatchedRelease):
    """A new route gives out a list, and nobody asked it to want a token.

    Source: the Australian Communications and Media Authority on the Optus breach of 2022: a coding error of 2018 had
    left an API open to callers without authentication.
    """

    services = ("api",)
    patch: ClassVar = [
        Patch(
            file=OPERATIONS,
            find='router.add_api_route("/metrics"',
            replace=(
                '@router.get("/v1/export")\nasync def export(services: Service) -> list[str]:\n    """List."""\n'
                "    return [services.settings.service.release]\n\n\n"
                'router.add_api_route("/metrics"'
            ),
        )
    ]


@fault(
    "route-lost-its-guard",
    kind="code",
    caught_by={"SEC-ACL-01": "401 for GET /v1/assets/{asset_id}/events"},
    takes_s=30.0,
)
class GuardLost(PatchedRelease):
    """The progress stream takes no token, because a browser's EventSource can send no header.

    Source: OWASP API Security Top 10, 2023, API2, "Broken Authentication"
    """

    services = ("api",)
    patch: ClassVar = [
        Patch(
            file=EVENTS,
            find="asset_id: AssetId, caller: Caller, services: Service) -> Response:",
            replace="asset_id: AssetId, services: Service) -> Response:",
        ),
        Patch(
            file=EVENTS,
            find="row = await find_asset(services, caller.account_id, asset_id)",
            replace='row = await _state(services, asset_id) or {"status": "failed", "progress": 0}',
        ),
    ]


@fault(
    "token-signature-unchecked",
    kind="code",
    caught_by={"SEC-ACL-01": "with a token with a foreign signature"},
    takes_s=30.0,
)
class SignatureUnchecked(PatchedRelease):
    """Access tokens are read, and their signature is not checked.

    Source: CVE-2015-9235 (tokens accepted whose signature had not been made with the expected key)
    """

    services = ("api",)
    patch: ClassVar = [
        Patch(file=TOKENS, find='"strict_aud": True}', replace='"strict_aud": True, "verify_signature": False}')
    ]
