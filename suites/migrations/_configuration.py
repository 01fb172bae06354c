"""The rows that a release cannot do without, as they are committed."""

import hashlib
import json
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

COMMITTED = Path(__file__).with_name("configuration.toml")


def committed() -> dict[str, dict[str, Any]]:
    """Return table -> its key and its rows."""
    return tomllib.loads(COMMITTED.read_text())


def digest(row: Mapping[str, Any]) -> str:
    """Return the SHA-256 of a row, whatever the order of its columns."""
    return hashlib.sha256(json.dumps(row, sort_keys=True, default=str).encode()).hexdigest()


def unlisted(found: Mapping[str, Iterable[Mapping[str, Any]]], listed: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Name the rows of each table that are not among those listed."""
    known = {table: {digest(row) for row in listed[table]["rows"]} for table in listed}
    return [
        f"{table} {row}" for table, rows in found.items() for row in rows if digest(row) not in known.get(table, ())
    ]
