"""Doors that were left open."""

from typing import ClassVar

from faults._code import PatchedRelease
from faults.security._ingress import PatchedIngress, site
from seatrial import Observe, fault
from seatrial.platform import Patch

PAGES = "system/frontend/pages.py"
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


@fault(
    "page-lost-its-guard",
    kind="code",
    caught_by={"SEC-ACL-01": "a refusal of GET /upload with"},
    takes_s=30.0,
)
class PageOpen(PatchedRelease):
    """The upload page asks nobody who the reader is, since it shows nothing of his; what is added to it later does.

    Source: CWE-306, "Missing Authentication for Critical Function"
    """

    services = ("frontend",)
    patch: ClassVar = [
        Patch(
            file=PAGES,
            find=(
                '        await session.call("GET", "/v1/assets", params={"limit": "1"})\n'
                '        return self._templates.page("upload")'
            ),
            replace='        return self._templates.page("upload")',
        )
    ]


@fault(
    "pages-kept-for-everybody",
    kind="code",
    caught_by={"SEC-ACL-01": "a refusal of GET /assets/{id} with"},
    takes_s=30.0,
)
class PagesKept(PatchedRelease):
    """The page of an asset is kept in memory to spare the api, and given to whoever asks for its address next.

    Source: CWE-488, "Exposure of Data Element to Wrong Session"
    """

    services = ("frontend",)
    patch: ClassVar = [
        Patch(
            file=PAGES,
            find="            return session.dress(await handler(request, session))",
            replace=(
                "            kept = request.app.state._state.setdefault('kept', {})\n"
                "            if request.method != 'GET' or handler.__name__ != '_asset':\n"
                "                return session.dress(await handler(request, session))\n"
                "            if request.url.path not in kept:\n"
                "                kept[request.url.path] = (await handler(request, session)).body\n"
                "            return Response(kept[request.url.path], media_type='text/html')"
            ),
        )
    ]


@fault(
    "answers-kept-at-the-ingress",
    kind="configuration",
    caught_by={"SEC-ACL-01": "401 for GET /v1/assets with no credentials"},
)
class KeptAtTheIngress(PatchedIngress):
    """A rule made in a hurry keeps answers in front of the API and gives them to everybody, asked by whom they may.

    Source: https://www.slashgear.com/valve-releases-statement-about-steams-christmas-fiasco-30420481/ (a second caching
    configuration, deployed against an attack, cached pages of users who were signed in)
    """

    def edits(self, loaded: str) -> list[tuple[str, str]]:
        """Answer the list of assets from what was kept."""
        begin = site(loaded, "api")
        kept = "\t@kept {\n\t\tmethod GET\n\t\tpath /v1/assets\n\t}\n\theader @kept Content-Type application/json\n"
        return [(begin, f'{begin}{kept}\trespond @kept "[]" 200\n')]

    def shows(self, observe: Observe) -> bool:
        """Be given the list without a token."""
        return observe.http.get("api:/v1/assets").status == 200
