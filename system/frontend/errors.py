"""Turn what goes wrong into a page for people and into a problem document for scripts."""

from urllib.parse import quote

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from system.common.logging import request_id
from system.common.problem import allowed_methods, problem
from system.frontend.api import ApiUnavailable
from system.frontend.session import Session, SignedOut, forget
from system.frontend.templates import Templates

__all__ = ["install_errors"]

_SAID = {
    403: "You may not do that.",
    404: "There is nothing here.",
    405: "This address does not take that.",
    413: "That is too long.",
    503: "The service cannot be reached at the moment. Please try again soon.",
}


def install_errors(app: Starlette, templates: Templates) -> None:
    """Register the handlers; whatever is not listed here is a bug and becomes a 500 in RequestContext."""

    def answer(request: Request, status: int, said: str, headers: dict[str, str]) -> Response:
        if not _wants_page(request):
            return _dressed(request, problem(status, said, headers=headers))
        signed_in = not request.url.path.startswith("/sign-in")
        page = templates.page(
            "error", status, number=status, said=said, reference=request_id.get(), signed_in=signed_in
        )
        page.headers.update(headers)
        return _dressed(request, page)

    async def on_http_error(request: Request, error: Exception) -> Response:
        if not isinstance(error, HTTPException):
            raise error
        headers = dict(error.headers or {})
        if error.status_code == 405:
            headers["Allow"] = ", ".join(allowed_methods(app.routes, request.scope))
        return answer(request, error.status_code, _SAID.get(error.status_code, error.detail), headers)

    async def on_unavailable(request: Request, _error: Exception) -> Response:
        return answer(request, 503, _SAID[503], {"Retry-After": "2"})

    async def on_signed_out(request: Request, _error: Exception) -> Response:
        if not _wants_page(request):
            return forget(problem(401, "Sign in first."))
        path = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        back = f"?next={quote(path, safe='')}" if request.method == "GET" and path != "/" else ""
        return forget(RedirectResponse(f"/sign-in{back}", 303))

    app.add_exception_handler(HTTPException, on_http_error)
    app.add_exception_handler(ApiUnavailable, on_unavailable)
    app.add_exception_handler(SignedOut, on_signed_out)


def _dressed(request: Request, response: Response) -> Response:
    """Hand out tokens that were renewed before it went wrong: the old ones are worth nothing any more."""
    session: Session | None = getattr(request.state, "session", None)
    return session.dress(response) if session else response


def _wants_page(request: Request) -> bool:
    return "text/html" in request.headers.get("accept", "")
