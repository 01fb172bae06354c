"""Answer every error as application/problem+json (RFC 9457), and nothing of the inside of the service with it."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Match

from system.common.logging import request_id

__all__ = ["Problem", "ProblemResponse", "install_problems", "problem"]

METHODS = ("DELETE", "GET", "HEAD", "PATCH", "POST", "PUT")


class ProblemResponse(JSONResponse):
    """Send a problem document under its media type."""

    media_type = "application/problem+json"


class Problem(Exception):  # noqa: N818 - the RFC's word for it
    """Raise an answer: status, one sentence for the caller, further members and headers."""

    def __init__(
        self, status: int, detail: str = "", *, headers: Mapping[str, str] | None = None, **members: object
    ) -> None:
        super().__init__(detail)
        self.status, self.detail, self.headers, self.members = status, detail, headers, members

    def response(self) -> Response:
        """Build the answer."""
        return problem(self.status, self.detail, headers=self.headers, **self.members)


def problem(status: int, detail: str = "", *, headers: Mapping[str, str] | None = None, **members: object) -> Response:
    """Build a problem document; `instance` is the request id, by which the logs can be searched."""
    title = HTTPStatus(status).phrase
    content: dict[str, Any] = {
        "type": "about:blank",
        "title": title,
        "status": status,
        "detail": detail or title,
        "instance": request_id.get(),
        **members,
    }
    return ProblemResponse(content, status_code=status, headers=dict(headers or {}))


def allowed_methods(routes: list[BaseRoute], scope: Mapping[str, Any]) -> list[str]:
    """List the methods that any route accepts for the scope's path (a router names the first matching route's only)."""
    return [
        method
        for method in METHODS
        if any(route.matches({**scope, "method": method})[0] is Match.FULL for route in routes)
    ]


def install_problems(app: Starlette) -> None:
    """Make the application answer Problem and Starlette's own errors as problem documents."""

    async def on_problem(_request: Request, error: Exception) -> Response:
        if not isinstance(error, Problem):
            raise error
        return error.response()

    async def on_http_error(request: Request, error: Exception) -> Response:
        if not isinstance(error, HTTPException):
            raise error
        headers = dict(error.headers or {})
        if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
            headers["Allow"] = ", ".join(allowed_methods(app.routes, request.scope))
        detail = "" if error.detail == HTTPStatus(error.status_code).phrase else error.detail
        return problem(error.status_code, detail, headers=headers)

    app.add_exception_handler(Problem, on_problem)
    app.add_exception_handler(HTTPException, on_http_error)
