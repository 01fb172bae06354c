"""Slips in the code that tells browsers what they may do: headers, cookies, origins."""

from typing import ClassVar

from faults._code import PatchedRelease
from seatrial import fault
from seatrial.platform import Patch

API, MIDDLEWARE, PLAY = "system/api/app.py", "system/common/middleware.py", "system/edge/play.py"
SECURITY, SESSION, STATIC = (
    "system/frontend/security.py",
    "system/frontend/session.py",
    "system/frontend/static_files.py",
)
COOKIE = 'path="/", secure=True, httponly=True, samesite="lax")'


@fault("cookie-over-plain-http", kind="code", caught_by={"SEC-HTTP-01": "secure on the cookie"}, takes_s=30.0)
class CookieInClear(PatchedRelease):
    """The session's cookies are set without Secure, as they were for a developer's machine.

    Source: CWE-614, "Sensitive Cookie in HTTPS Session Without 'Secure' Attribute"
    """

    services = ("frontend",)
    patch: ClassVar = [Patch(file=SESSION, find=COOKIE, replace=COOKIE.replace("secure=True", "secure=False"))]


@fault("cookie-for-every-site", kind="code", caught_by={"SEC-HTTP-01": "SameSite Lax or Strict"}, takes_s=30.0)
class CookieForEverySite(PatchedRelease):
    """Cookies are SameSite=None, so that an embedded page of another site brings them along.

    Source: CWE-1275, "Sensitive Cookie with Improper SameSite Attribute"
    """

    services = ("frontend",)
    patch: ClassVar = [Patch(file=SESSION, find=COOKIE, replace=COOKIE.replace('"lax"', '"none"'))]


@fault("cookie-for-sister-hosts", kind="code", caught_by={"SEC-HTTP-01": "no Domain on the cookie"}, takes_s=30.0)
class CookieForSisters(PatchedRelease):
    """Cookies are set for the whole domain: every host below it gets them, and can set others over them.

    Source: RFC 6265, section 8.6, "Weak Integrity"
    """

    services = ("frontend",)
    patch: ClassVar = [
        Patch(file=SESSION, find=COOKIE, replace=COOKIE.replace('path="/"', 'path="/", domain="seatrial.localhost"'))
    ]


@fault("nosniff-dropped", kind="code", caught_by={"SEC-HTTP-01": "one x-content-type-options on"}, takes_s=30.0)
class NosniffDropped(PatchedRelease):
    """No answer forbids browsers to guess its type: a text of a user may be run as a script.

    Source: https://fetch.spec.whatwg.org/#x-content-type-options-header
    """

    services = ("frontend", "api", "edge")
    patch: ClassVar = [
        Patch(
            file=MIDDLEWARE,
            find='{"X-Content-Type-Options": "nosniff", **(headers or {})}',
            replace="{**(headers or {})}",
        )
    ]


@fault(
    "headers-on-success-only",
    kind="code",
    caught_by={"SEC-HTTP-01": "one content-security-policy on a refused"},
    takes_s=30.0,
)
class OnSuccessOnly(PatchedRelease):
    """Error pages go out without the security headers.

    Source: https://nginx.org/en/docs/http/ngx_http_headers_module.html#add_header (which adds headers to 2xx and 3xx
    alone, unless it is told `always`)
    """

    services = ("frontend", "api", "edge")
    patch: ClassVar = [
        Patch(
            file=MIDDLEWARE,
            find="for name, value in self.headers.items():",
            replace='for name, value in self.headers.items() if message["status"] < 400 else ():',
        )
    ]


@fault("api-answers-stored", kind="code", caught_by={"SEC-HTTP-01": "Cache-Control: no-store on"}, takes_s=30.0)
class ApiStored(PatchedRelease):
    """What the API says may be kept for a minute: a proxy that does not look at tokens gives it to the next one.

    Source: CWE-524, "Use of Cache Containing Sensitive Information"
    """

    services = ("api",)
    patch: ClassVar = [
        Patch(file=API, find='"Cache-Control": "no-store"', replace='"Cache-Control": "public, max-age=60"')
    ]


@fault("pages-stored", kind="code", caught_by={"SEC-HTTP-01": "Cache-Control: no-store on"}, takes_s=30.0)
class PagesStored(PatchedRelease):
    """The reader's pages stay in the browser's cache of a shared computer.

    Source: CWE-525, "Use of Web Browser Cache Containing Sensitive Information"
    """

    services = ("frontend",)
    patch: ClassVar = [
        Patch(file=SECURITY, find='"Cache-Control": "no-store"', replace='"Cache-Control": "private, max-age=300"')
    ]


@fault("video-cached-for-everybody", kind="code", caught_by={"SEC-HTTP-01": "Cache-Control: private on"}, takes_s=30.0)
class CachedForEverybody(PatchedRelease):
    """The edge lets shared caches keep what a signed link opened.

    Source: RFC 9111, section 5.2.2.9 (`public` allows shared caches to store what they otherwise would not)
    """

    services = ("edge",)
    patch: ClassVar = [Patch(file=PLAY, find='"private, max-age={left_s}"', replace='"public, max-age={left_s}"')]


@fault(
    "video-cached-beyond-its-link",
    kind="code",
    caught_by={"SEC-HTTP-01": "a max-age within the link's life on"},
    takes_s=30.0,
)
class CachedBeyondLink(PatchedRelease):
    """A browser may show a video for a day from its cache, though the link that opened it has long expired.

    Source: RFC 9111, section 5.2.2.1 (`max-age`: until then the answer is fresh, and nobody is asked)
    """

    services = ("edge",)
    patch: ClassVar = [Patch(file=PLAY, find='"private, max-age={left_s}"', replace='"private, max-age=86400"')]


@fault(
    "referrer-tells-paths",
    kind="code",
    caught_by={"SEC-HTTP-01": "a Referrer-Policy that tells no paths"},
    takes_s=30.0,
)
class ReferrerTells(PatchedRelease):
    """Other sites are told the whole address of the page that a reader came from.

    Source: https://www.w3.org/TR/referrer-policy/#unsafe-url
    """

    services = ("frontend",)
    patch: ClassVar = [
        Patch(file=SECURITY, find='"Referrer-Policy": "same-origin"', replace='"Referrer-Policy": "unsafe-url"')
    ]


@fault("pages-in-frames", kind="code", caught_by={"SEC-HTTP-01": "frame-ancestors 'none' or 'self'"}, takes_s=30.0)
class InFrames(PatchedRelease):
    """The pages may be framed by any site, which then has readers click what they do not see.

    Source: CWE-1021, "Improper Restriction of Rendered UI Layers or Frames"
    """

    services = ("frontend",)
    patch: ClassVar = [Patch(file=SECURITY, find="        \"frame-ancestors 'none'\",\n", replace="")]


@fault("forms-to-anywhere", kind="code", caught_by={"SEC-HTTP-01": "a closed form-action on"}, takes_s=30.0)
class FormsToAnywhere(PatchedRelease):
    """An injected form may send what a reader types to another site; default-src does not cover forms.

    Source: https://www.w3.org/TR/CSP3/#directive-form-action
    """

    services = ("frontend",)
    patch: ClassVar = [Patch(file=SECURITY, find="        \"form-action 'self'\",\n", replace="")]


@fault("origin-by-pattern", kind="code", caught_by={"SEC-HTTP-02": "allowed at the api"}, takes_s=30.0)
class OriginByPattern(PatchedRelease):
    """The API allows every origin whose name ends like ours, with credentials: the pattern has no border in front.

    Source: CWE-942, "Permissive Cross-domain Security Policy with Untrusted Domains"
    """

    services = ("api",)
    patch: ClassVar = [
        Patch(
            file=API,
            find="    app.add_middleware(BodyLimit",
            replace=(
                "    from starlette.middleware.cors import CORSMiddleware\n"
                '    own = r"https://.*app\\.seatrial\\.localhost(:\\d+)?"\n'
                "    app.add_middleware(CORSMiddleware, allow_origin_regex=own, allow_credentials=True)\n"
                "    app.add_middleware(BodyLimit"
            ),
        )
    ]


@fault("origin-null-allowed", kind="code", caught_by={"SEC-HTTP-02": "no origin but"}, takes_s=30.0)
class OriginNull(PatchedRelease):
    """The origin `null` is allowed, for a file that somebody opened from his disk; any sandboxed frame has it.

    Source: J. Kettle, "Exploiting CORS misconfigurations for Bitcoins and bounties", 2016
    """

    services = ("api",)
    patch: ClassVar = [
        Patch(
            file=API,
            find="    app.add_middleware(BodyLimit",
            replace=(
                "    from starlette.middleware.cors import CORSMiddleware\n"
                '    app.add_middleware(CORSMiddleware, allow_origins=["null"], allow_methods=["*"])\n'
                "    app.add_middleware(BodyLimit"
            ),
        )
    ]
