"""Turn what goes wrong into problem documents: invalid requests, and dependencies that are away."""

from http import HTTPStatus

import psycopg
import redis.exceptions
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.requests import Request
from starlette.responses import Response

from system.common.logging import get_logger
from system.common.problem import install_problems, problem
from system.common.s3 import StoreUnavailableError

__all__ = ["install_errors"]

log = get_logger("api.errors")

LONGEST_DETAIL = 20


def install_errors(app: FastAPI) -> None:
    """Register the handlers; whatever is not listed here is a bug and becomes a 500 in RequestContext."""
    install_problems(app)
    app.add_exception_handler(RequestValidationError, _invalid)
    for kind in (
        psycopg.OperationalError,  # an exhausted pool is one, too
        psycopg.InterfaceError,
        redis.exceptions.RedisError,
        StoreUnavailableError,
        TimeoutError,
    ):
        app.add_exception_handler(kind, _unavailable)


async def _invalid(_request: Request, error: Exception) -> Response:
    """Say where and why, never what: the input may be a password."""
    if not isinstance(error, RequestValidationError):
        raise error
    found = error.errors()
    if any(item["loc"][0] == "path" for item in found):
        return problem(HTTPStatus.NOT_FOUND)
    errors = [
        {"location": ".".join(_plain(part) for part in item["loc"]), "message": _plain(item["msg"])}
        for item in found[:LONGEST_DETAIL]
    ]
    return problem(HTTPStatus.UNPROCESSABLE_ENTITY, "The request does not fit the contract.", errors=errors)


def _plain(part: object) -> str:
    """Make text of a name which the caller chose; a lone surrogate cannot be encoded, nor need it be long."""
    return str(part).encode("utf-8", "replace").decode()[:100]


async def _unavailable(_request: Request, error: Exception) -> Response:
    component = {"psycopg": "postgres", "psycopg_pool": "postgres", "redis": "redis", "system": "s3"}.get(
        type(error).__module__.split(".")[0], "a dependency"
    )
    log.error("dependency failed", extra={"dependency": component, "reason": f"{type(error).__name__}: {error}"})
    detail = f"{component} does not answer in time; try again."
    return problem(HTTPStatus.SERVICE_UNAVAILABLE, detail, headers={"Retry-After": "1"})
