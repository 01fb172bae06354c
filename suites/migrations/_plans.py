"""What MIG-10 asks: the product's queries with their values, and what a plan of PostgreSQL says of tables and indexes."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

QUERIES = Path(__file__).with_name("hot_queries.sql")
_QUERY = re.compile(r"^-- name: (.+)\n-- file: (.+)\n-- index: (.+)\n-- values: (.+)\n([^;]+);$", re.MULTILINE)


@dataclass(frozen=True)
class Query:
    """A query of the product, and the index that was made for it."""

    name: str
    file: str
    index: str
    values: Sequence[Any] | Mapping[str, Any]
    sql: str

    def stands_in(self, source: str) -> bool:
        """Say whether the source has it, whatever the white space."""
        return _squeezed(self.sql) in _squeezed(source)


def queries(text: str) -> list[Query]:
    """Read hot_queries.sql."""
    return [
        Query(name, file, index, json.loads(values), sql.strip())
        for name, file, index, values, sql in _QUERY.findall(text)
    ]


def nodes(plan: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Give every node of a plan as EXPLAIN (FORMAT JSON) has it."""
    yield plan
    for child in plan.get("Plans", ()):
        yield from nodes(child)


def scans(plan: Mapping[str, Any]) -> tuple[set[str], set[str]]:
    """Return the tables that the plan reads from end to end, and the indexes that it uses."""
    every = list(nodes(plan))
    whole = {node["Relation Name"] for node in every if node["Node Type"] == "Seq Scan"}
    return whole, {node["Index Name"] for node in every if "Index Name" in node}


def _squeezed(text: str) -> str:
    return " ".join(text.split())
