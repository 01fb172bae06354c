"""Statements that leave something behind in a session, which a pooler in transaction mode lends to somebody else next."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

# What PgBouncer itself sets for the client it lends a connection to, and puts right for the next.
_TRACKED = "application_name|client_encoding|datestyle|timezone|standard_conforming_strings"
_LEAVES = re.compile(
    rf"\s*(?:set\s+(?!local\b|transaction\b|constraints\b|(?:session\s+)?(?:{_TRACKED})\b)|listen\b|prepare\s+(?!transaction\b)"
    r"|declare\b.*\bwith\s+hold\b|load\b|create\s+(?:local\s+|global\s+)?temp|select\s+(?:pg_catalog\.)?pg_(?:try_)?advisory_lock)",
    re.IGNORECASE | re.DOTALL,
)


def leaves_state(statement: str) -> bool:
    """Say whether the statement outlives its transaction in the session."""
    return _LEAVES.match(statement) is not None


def leftovers(backends: Iterable[Mapping[str, Any]]) -> list[str]:
    """Name the newest statements of sessions that leave something behind, each once, with the role that sent it."""
    return sorted({f"{row['role']}: {row['query'][:80]}" for row in backends if leaves_state(row["query"])})
