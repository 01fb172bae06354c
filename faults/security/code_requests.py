"""Slips in the code that decides where a request may lead: to which file, host, page, and for whose sake."""

from typing import ClassVar

from faults._code import PatchedRelease
from seatrial import fault
from seatrial.platform import Patch

FRONTEND, STATIC = "system/frontend/app.py", "system/frontend/static_files.py"
PLAYBACK, SECURITY = "system/api/playback.py", "system/frontend/security.py"
SESSIONS = "system/api/sessions.py"
SAME = 'same = origin == self._origin if origin is not None else headers.get("sec-fetch-site") == "same-origin"'
INSIDE = 'inside = text.startswith("/") and not text.startswith("//") and'


@fault("static-path-unchecked", kind="code", caught_by={"SEC-HTTP-05": "no file for"}, takes_s=30.0)
class StaticUnchecked(PatchedRelease):
    """Static files are read from the folder by the name in the path, whatever the name is.

    Source: CWE-22, "Improper Limitation of a Pathname to a Restricted Directory"
    """

    services = ("frontend",)
    patch: ClassVar = [
        Patch(file=FRONTEND, find='Route("/static/{name}"', replace='Route("/static/{name:path}"'),
        Patch(
            file=STATIC,
            find="        if name not in self._files:\n            raise HTTPException(404)\n",
            replace=(
                "        if name not in self._files:\n"
                "            try:\n"
                "                return Response((self._folder / name).read_bytes())\n"
                "            except (OSError, ValueError):\n"
                "                raise HTTPException(404) from None\n"
            ),
        ),
    ]


@fault("static-path-checked-too-early", kind="code", caught_by={"SEC-HTTP-05": "encoded twice to"}, takes_s=30.0)
class CheckedTooEarly(PatchedRelease):
    """The name is looked at for dots, and decoded once more after that.

    Source: CVE-2021-42013 (Apache 2.4.50 refused encoded dots, and not those that were encoded twice)
    """

    services = ("frontend",)
    patch: ClassVar = [
        Patch(file=FRONTEND, find='Route("/static/{name}"', replace='Route("/static/{name:path}"'),
        Patch(
            file=STATIC,
            find="        if name not in self._files:\n            raise HTTPException(404)\n",
            replace=(
                "        if name not in self._files:\n"
                "            from urllib.parse import unquote\n"
                '            if ".." in name:\n'
                "                raise HTTPException(404)\n"
                "            try:\n"
                "                return Response((self._folder / unquote(name)).read_bytes())\n"
                "            except (OSError, ValueError):\n"
                "                raise HTTPException(404) from None\n"
            ),
        ),
    ]


@fault("upload-key-from-file-name", kind="code", caught_by={"SEC-HTTP-05": "for a file name with"}, takes_s=30.0)
class KeyFromFileName(PatchedRelease):
    """A file name with folders keeps them in the bucket, so that a name can lead to another's place.

    Source: CWE-73, "External Control of File Name or Path"
    """

    services = ("api",)
    patch: ClassVar = [
        Patch(
            file="system/api/uploads.py",
            find='    bucket, key = services.settings.storage.staging, staging_key(row["id"])\n    expires_s,',
            replace=(
                '    name = f"/{row[\'filename\']}" if "/" in row["filename"] else ""\n'
                '    bucket, key = services.settings.storage.staging, staging_key(row["id"]) + name\n'
                "    expires_s,"
            ),
        )
    ]


@fault(
    "redirect-to-claimed-host", kind="code", caught_by={"SEC-HTTP-05": "no header with the claimed host"}, takes_s=30.0
)
class RedirectToClaimed(PatchedRelease):
    """A path with a slash too many is redirected, to the host that the caller claims we are.

    Source: J. Kettle, "Practical HTTP Host header attacks", 2013
    """

    services = ("frontend",)
    patch: ClassVar = [
        Patch(file=FRONTEND, find="app.router.redirect_slashes = False", replace="app.router.redirect_slashes = True")
    ]


@fault("link-to-claimed-host", kind="code", caught_by={"SEC-HTTP-05": "no text with the claimed host"}, takes_s=30.0)
class LinkToClaimed(PatchedRelease):
    """Playback links name the host that X-Forwarded-Host claims: a poisoned link takes its signature elsewhere.

    Source: CWE-348, "Use of Less Trusted Source"
    """

    services = ("api",)
    patch: ClassVar = [
        Patch(
            file=PLAYBACK, find="from fastapi import APIRouter\n", replace="from fastapi import APIRouter, Request\n"
        ),
        Patch(
            file=PLAYBACK,
            find="asset_id: AssetId, wanted: PlaybackRequest, caller",
            replace="request: Request, asset_id: AssetId, wanted: PlaybackRequest, caller",
        ),
        Patch(
            file=PLAYBACK,
            find='url=f"{settings.play_origin}/v/',
            replace="url=f\"https://{request.headers.get('x-forwarded-host', urlsplit(settings.play_origin).netloc)}/v/",
        ),
    ]


@fault("next-unchecked", kind="code", caught_by={"SEC-HTTP-05": "our own site behind next"}, takes_s=30.0)
class NextUnchecked(PatchedRelease):
    """Whatever `next` says is where a reader goes after signing in.

    Source: CWE-601, "URL Redirection to Untrusted Site ('Open Redirect')"
    """

    services = ("frontend",)
    patch: ClassVar = [
        Patch(
            file=SECURITY,
            find='return text if inside and text.isascii() and text.isprintable() else "/"',
            replace="return text",
        )
    ]


@fault("next-with-two-slashes", kind="code", caught_by={"SEC-HTTP-05": "our own site behind next '//"}, takes_s=30.0)
class NextTwoSlashes(PatchedRelease):
    """A `next` that begins with a slash is taken for a path of ours; with two of them it is another host.

    Source: CVE-2017-7233 (Django: is_safe_url took what browsers read as another host for a path)
    """

    services = ("frontend",)
    patch: ClassVar = [Patch(file=SECURITY, find=INSIDE, replace='inside = text.startswith("/") and')]


@fault("form-origin-unchecked", kind="code", caught_by={"SEC-HTTP-05": "403 for Origin: another site"}, takes_s=30.0)
class OriginUnchecked(PatchedRelease):
    """Forms of other sites are obeyed, with the reader's cookies.

    Source: CWE-352, "Cross-Site Request Forgery (CSRF)"
    """

    services = ("frontend",)
    patch: ClassVar = [
        Patch(file=SECURITY, find="            if not same:\n", replace="            if not same and False:\n")
    ]


@fault(
    "deleted-asset-is-opened-again", kind="code", caught_by={"SEC-HTTP-05": "the list after our own form"}, takes_s=30.0
)
class OpenedAgain(PatchedRelease):
    """The page expects another status of a deletion: its reader is led to the asset that is gone, and told that there is none.

    Source: RFC 9110, section 9.3.5 (a DELETE that succeeds is answered with 204 where it says nothing more, with 200 where it does)
    """

    services = ("frontend",)
    patch: ClassVar = [
        Patch(
            file="system/frontend/pages.py",
            find="        if answer.status_code == 204:\n",
            replace="        if answer.status_code == 200:\n",
        )
    ]


@fault("form-origin-missing-accepted", kind="code", caught_by={"SEC-HTTP-05": "403 for no Origin"}, takes_s=30.0)
class OriginMissing(PatchedRelease):
    """A request without Origin passes, for the sake of old clients.

    Source: OWASP Cross-Site Request Forgery Prevention Cheat Sheet, "Verifying Origin With Standard Headers" (block when
    neither header is there)
    """

    services = ("frontend",)
    patch: ClassVar = [Patch(file=SECURITY, find=SAME, replace="same = origin is None or origin == self._origin")]


@fault("form-origin-null-accepted", kind="code", caught_by={"SEC-HTTP-05": "403 for Origin: null"}, takes_s=30.0)
class OriginNull(PatchedRelease):
    """Origin `null` passes as if there were none; a sandboxed frame sends it.

    Source: https://html.spec.whatwg.org/multipage/iframe-embed-object.html#attr-iframe-sandbox (an opaque origin)
    """

    services = ("frontend",)
    patch: ClassVar = [Patch(file=SECURITY, find=SAME, replace='same = origin in (self._origin, "null")')]


@fault("form-origin-by-prefix", kind="code", caught_by={"SEC-HTTP-05": "403 for Origin: a suffix"}, takes_s=30.0)
class OriginPrefix(PatchedRelease):
    """An origin that begins like ours passes.

    Source: CWE-183, "Permissive List of Allowed Inputs"
    """

    services = ("frontend",)
    patch: ClassVar = [
        Patch(file=SECURITY, find=SAME, replace='same = (origin or "").startswith(self._origin)'),
    ]


@fault("form-origin-same-site", kind="code", caught_by={"SEC-HTTP-05": "403 for Origin: the sister"}, takes_s=30.0)
class OriginSameSite(PatchedRelease):
    """Every host below our domain may send our forms, among them the store that serves what strangers upload.

    Source: RFC 6265bis draft, section 8.8.2 (same-site is not same-origin)
    """

    services = ("frontend",)
    patch: ClassVar = [
        Patch(
            file=SECURITY,
            find=SAME,
            replace='same = (origin or "").partition(".")[2] == self._origin.partition(".")[2]',
        ),
    ]


@fault("form-origin-by-body-type", kind="code", caught_by={"SEC-HTTP-05": "as text/plain"}, takes_s=30.0)
class OriginByType(PatchedRelease):
    """Only bodies of forms are looked at; another site can send any route the same fields as plain text.

    Source: Fetch standard, "CORS-safelisted request-header": text/plain goes to other sites without asking; CWE-352
    """

    services = ("frontend",)
    patch: ClassVar = [
        Patch(
            file=SECURITY,
            find="            if not same:\n",
            replace='            if not same and "form" in headers.get("content-type", "form"):\n',
        )
    ]


@fault("method-overridden", kind="code", caught_by={"SEC-HTTP-05": "GET with X-HTTP-Method-Override"}, takes_s=30.0)
class MethodOverridden(PatchedRelease):
    """A header makes a POST of a GET, after the origin was looked at.

    Source: CWE-436, "Interpretation Conflict"
    """

    services = ("frontend",)
    patch: ClassVar = [
        Patch(
            file=SECURITY,
            find="        await self.app(scope, receive, send)\n\n\ndef safe_path",
            replace=(
                '        if scope["type"] == "http":\n'
                '            scope["method"] = Request(scope).headers.get("x-http-method-override", scope["method"])\n'
                "        await self.app(scope, receive, send)\n\n\ndef safe_path"
            ),
        )
    ]


@fault("api-takes-cookies", kind="code", caught_by={"SEC-HTTP-05": "401 for cookies without a token"}, takes_s=30.0)
class ApiTakesCookies(PatchedRelease):
    """The API takes the frontend's cookie for a token, so that every site's form reaches it with a reader's rights.

    Source: OWASP Cross-Site Request Forgery Prevention Cheat Sheet (what a browser sends of itself is no proof)
    """

    services = ("api",)
    patch: ClassVar = [
        Patch(
            file=SESSIONS,
            find="async def _caller(\n    services: Service, credentials:",
            replace="async def _caller(\n    request: Request, services: Service, credentials:",
        ),
        Patch(
            file=SESSIONS,
            find="    settings = services.settings\n    claims = (",
            replace=(
                '    if credentials is None and "__Host-access" in request.cookies:\n'
                '        token = request.cookies["__Host-access"]\n'
                '        credentials = HTTPAuthorizationCredentials(scheme="Bearer", credentials=token)\n'
                "    settings = services.settings\n    claims = ("
            ),
        ),
    ]
