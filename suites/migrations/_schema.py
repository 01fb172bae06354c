"""A schema as a value: everything that migrations make, read from pg_catalog, in an order that never changes."""

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

SNAPSHOT = Path(__file__).with_name("schema.json")

Rows = Callable[[str], list[dict[str, Any]]]
"""Runs one query and returns its rows: of the live server, or of a scratch server."""

_QUERIES = dict(
    re.findall(
        r"^-- name: (\w+)\n(.+?);$", Path(__file__).with_name("catalog.sql").read_text(), re.DOTALL | re.MULTILINE
    )
)
_OF_RELATION = ("columns", "constraints", "indexes", "triggers", "policies")


def read(rows: Rows) -> dict[str, Any]:
    """Return the schema as nested JSON values: kind -> name -> what it is."""
    schema: dict[str, Any] = {
        kind: {row.pop("name"): _plain(row) for row in rows(query)}
        for kind, query in _QUERIES.items()
        if kind not in _OF_RELATION
    }
    for kind in _OF_RELATION:
        for row in rows(_QUERIES[kind]):
            relation, name = schema["relations"].get(row.pop("relation")), row.pop("name")
            if relation is not None:
                relation.setdefault(kind, {})[name] = _plain(row)
    return schema


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    return {name: sorted(value) if name == "grants" else value for name, value in row.items() if value is not None}


def text(schema: Mapping[str, Any]) -> str:
    """Write a schema as the committed file holds it."""
    return json.dumps(schema, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def digest(schema: Mapping[str, Any]) -> str:
    """Return the SHA-256 of a schema's text."""
    return hashlib.sha256(text(schema).encode()).hexdigest()


def committed() -> dict[str, Any]:
    """Read the committed snapshot."""
    snapshot: dict[str, Any] = json.loads(SNAPSHOT.read_text())
    return snapshot


def difference(expected: Mapping[str, Any], seen: Mapping[str, Any]) -> list[str]:
    """Return one line for each thing that is missing, that is too much, or that is another than expected."""
    return _difference("", expected, seen)


def _difference(place: str, expected: Mapping[str, Any], seen: Mapping[str, Any]) -> list[str]:
    lines = []
    for name in sorted({*expected, *seen}):
        path = f"{place} {name}".strip()
        if name not in seen:
            lines.append(f"missing: {path}")
        elif name not in expected:
            lines.append(f"unexpected: {path}")
        elif isinstance(expected[name], Mapping) and isinstance(seen[name], Mapping):
            lines += _difference(path, expected[name], seen[name])
        elif expected[name] != seen[name]:
            lines.append(f"changed: {path}: {expected[name]!r} -> {seen[name]!r}")
    return lines


def invalid(schema: Mapping[str, Any]) -> list[str]:
    """Return the constraints that were never validated and the indexes that queries cannot use."""
    return [
        f"{kind[:-1].removesuffix('e')} {name} of {relation}"
        for relation, row in schema["relations"].items()
        for kind in ("constraints", "indexes")
        for name, found in row.get(kind, {}).items()
        if not found["valid"]
    ]
