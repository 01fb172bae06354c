"""Document the answers that routes share, for OpenAPI."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from system.api.models import ProblemDocument

__all__ = ["API_VERSION", "errors", "install_openapi"]

API_VERSION = "1.0.0"
_REQUEST_ID = {"description": "Find the request in the logs by this.", "schema": {"type": "string", "maxLength": 64}}
_RETRY_AFTER = {"description": "Seconds to wait.", "schema": {"type": "integer", "minimum": 1}, "required": True}
_ASSET = {"asset_id": "$response.body#/asset/id"}
_TOKEN = {"refresh_token": "$response.body#/refresh_token"}
# What can be done with an answer: operation, status -> the operations that take something of it.
_LINKS: dict[tuple[str, str], dict[str, dict[str, Any]]] = {
    ("sign_in", "201"): {"refresh": {"requestBody": _TOKEN}},
    ("refresh", "200"): {"refresh": {"requestBody": _TOKEN}},
    ("list_assets", "200"): {"list_assets": {"parameters": {"cursor": "$response.body#/next_cursor"}}},
    ("create_asset", "201"): {
        operation: {"parameters": _ASSET}
        for operation in (
            "read_asset",
            "read_upload",
            "rename_asset",
            "complete_upload",
            "follow_asset",
            "create_playback_link",
            "remake_preview",
            "promote",
            "delete_asset",
        )
    },
}
_METHODS = ("get", "post", "patch", "delete")


def errors(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Document problem answers; any route may also fail (500) or lack a dependency (503)."""
    return {status: _problem_answer(status) for status in (*statuses, 500, 503)}


def _problem_answer(status: int) -> dict[str, Any]:
    answer: dict[str, Any] = {
        "description": HTTPStatus(status).phrase,
        "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        answer["headers"] = {"Retry-After": _RETRY_AFTER}
    return answer


def install_openapi(app: FastAPI, tags: Sequence[dict[str, str]] = ()) -> None:
    """Make the application serve a document that names the problem schema and the request id header."""

    def build() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _build(app, tags)
        return app.openapi_schema

    app.openapi = build  # type: ignore[method-assign]


def _build(app: FastAPI, tags: Sequence[dict[str, str]]) -> dict[str, Any]:
    document = get_openapi(
        title=app.title, version=app.version, description=app.description, routes=app.routes, tags=list(tags)
    )
    schemas = document["components"]["schemas"]
    schemas["Problem"] = ProblemDocument.model_json_schema(ref_template="#/components/schemas/{model}")
    for operations in document["paths"].values():
        for method in _METHODS:
            answers = operations.get(method, {}).get("responses", {})
            # FastAPI documents its own 422 wherever a path has a parameter; ours are 404 (see system/api/errors.py).
            if "application/json" in answers.get("422", {}).get("content", {}):
                del answers["422"]
            for status, answer in answers.items():
                links = _LINKS.get((operations.get(method, {}).get("operationId", ""), status), {})
                if links:
                    answer["links"] = {name: {"operationId": name, **link} for name, link in links.items()}
                answer.setdefault("headers", {})["X-Request-Id"] = _REQUEST_ID
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    return document
