"""Say what the pages may load, and refuse what other sites make browsers send."""

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from system.common.logging import get_logger
from system.common.problem import problem
from system.frontend.settings import FrontendSettings

__all__ = ["SameOrigin", "page_headers", "safe_path"]

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})

log = get_logger("frontend.security")


def page_headers(settings: FrontendSettings) -> dict[str, str]:
    """Return the headers of every answer that does not set them itself."""
    policy = (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        f"img-src 'self' {settings.play_origin}",
        f"media-src {settings.play_origin}",
        f"connect-src 'self' {settings.s3_origin}",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
    )
    return {
        "Content-Security-Policy": "; ".join(policy),
        "X-Frame-Options": "DENY",
        # Not no-referrer: with it browsers send `Origin: null` on our own forms, and SameOrigin could not know them.
        "Referrer-Policy": "same-origin",
        "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Cache-Control": "no-store",
    }


class SameOrigin:
    """Refuse every request that changes something unless it comes from our own pages.

    SameSite cookies alone are not enough: every host below the same domain is the same site (RFC 6265bis, 8.8.2).
    """

    def __init__(self, app: ASGIApp, origin: str) -> None:
        self.app, self._origin = app, origin

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer 403."""
        if scope["type"] == "http" and scope["method"] not in _SAFE:
            headers = Request(scope).headers
            origin = headers.get("origin")
            # Every browser of today sends Origin here; Sec-Fetch-Site is for a proxy that strips it.
            same = origin == self._origin if origin is not None else headers.get("sec-fetch-site") == "same-origin"
            if not same:
                log.warning("refused a request from another origin", extra={"origin": (origin or "")[:200]})
                await problem(403, "The request did not come from this site.")(scope, receive, send)
                return
        await self.app(scope, receive, send)


def safe_path(text: str) -> str:
    """Return the text when it is a path of this site, else "/".

    Browsers take what follows two slashes for a host, read a backslash as a slash, and skip tabs and line ends.
    """
    inside = text.startswith("/") and not text.startswith("//") and "\\" not in text and len(text) <= 500
    return text if inside and text.isascii() and text.isprintable() else "/"
