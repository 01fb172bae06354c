"""The published contract as a list of operations, and requests that fit it."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from seatrial import Failure

METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")


@dataclass(frozen=True)
class Operation:
    """One method of one path.

    Attributes:
        body: the JSON schema of the request's body with references resolved, or None.
        identifiers: what in a request names a thing, as "path asset_id": members that are ids by name or by format.
    """

    method: str
    path: str
    guarded: bool
    answers: tuple[int, ...]
    body: Mapping[str, Any] | None
    identifiers: tuple[str, ...] = ()

    def url(self, values: Mapping[str, str]) -> str:
        """Return the path with its parameters filled in; one without a value gets a plain word."""
        return re.sub(r"\{([^}]+)\}", lambda found: values.get(found[1], "seatrial"), self.path)

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


def operations(document: Any) -> list[Operation]:
    """Read an OpenAPI 3.1 document; raises Failure when it is none."""
    if not isinstance(document, Mapping) or not isinstance(document.get("paths"), Mapping):
        raise Failure("an OpenAPI document with paths", str(document)[:200], "api")
    return list(_operations(document))


def _operations(document: Mapping[str, Any]) -> Iterator[Operation]:
    for path, item in document["paths"].items():
        for method in METHODS:
            if method not in item:
                continue
            operation = item[method]
            parameters = _resolved([*item.get("parameters", ()), *operation.get("parameters", ())], document)
            content = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
            body = _resolved(content.get("schema"), document) if content else None
            named = [(each["in"], each["name"], each.get("schema", {})) for each in parameters]
            named += [("body", name, schema) for name, schema in _members(body)]
            yield Operation(
                method=method.upper(),
                path=path,
                guarded=bool(operation.get("security", document.get("security"))),
                answers=tuple(int(status) for status in operation.get("responses", {}) if status.isdigit()),
                body=body,
                identifiers=tuple(f"{where} {name}" for where, name, schema in named if _names_a_thing(name, schema)),
            )


def _members(schema: Any) -> Iterator[tuple[str, Any]]:
    """Walk the members of a schema, however deep."""
    if isinstance(schema, list):
        for part in schema:
            yield from _members(part)
    elif isinstance(schema, Mapping):
        yield from schema.get("properties", {}).items()
        for part in schema.values():
            yield from _members(part)


def _names_a_thing(name: str, schema: Any) -> bool:
    words = re.split(r"[^a-z]+", re.sub(r"([a-z])([A-Z])", r"\1_\2", name).lower())
    return schema.get("format") == "uuid" or bool({"id", "ids", "uuid", "uuids"} & set(words))


def _resolved(schema: Any, document: Mapping[str, Any]) -> Any:
    if isinstance(schema, list):
        return [_resolved(part, document) for part in schema]
    if not isinstance(schema, Mapping):
        return schema
    if "$ref" in schema:
        found: Any = document
        for word in schema["$ref"].removeprefix("#/").split("/"):
            found = found[word]
        return _resolved(found, document)
    return {name: _resolved(part, document) for name, part in schema.items()}


# What the schemas ask of texts by pattern; anything else gets a plain word.
_TEXTS = {
    "email": "nobody@example.test",
    "sha256": "0" * 64,
    "content_type": "video/mp4",
    "etag": '"0123456789abcdef"',
    "refresh_token": "A" * 43,
}


def body_for(operation: Operation) -> Any:
    """Return a small body that fits the operation's schema, None when it takes none."""
    return None if operation.body is None else _sample(operation.body, "")


def _sample(schema: Mapping[str, Any], name: str) -> Any:
    choices = [*schema.get("anyOf", ()), *schema.get("oneOf", ()), *schema.get("allOf", ())]
    if chosen := next((choice for choice in choices if choice.get("type") != "null"), None):
        return _sample(chosen, name)
    if listed := [schema["const"]] if "const" in schema else schema.get("enum"):
        return listed[0]
    fields, least = schema.get("properties", {}), max(1, schema.get("minimum", 1))
    by_type: dict[str, Callable[[], Any]] = {
        "object": lambda: {field: _sample(fields[field], field) for field in schema.get("required", ())},
        "array": lambda: [_sample(schema.get("items", {}), name)] * max(1, schema.get("minItems", 0)),
        "integer": lambda: least,
        "number": lambda: least,
        "boolean": lambda: False,
    }
    text = _TEXTS.get(name, "seatrial".ljust(schema.get("minLength", 0), "x"))
    made = by_type.get(schema.get("type", ""))
    return made() if made else text
