"""Schemas compared."""

from typing import Any

import pytest

from suites.migrations import _schema as schema


def table(**parts: Any) -> dict[str, Any]:
    return {"schemas": {}, "relations": {"public.t": {"owner": "migrator", **parts}}}


INDEX = {"t_idx": {"definition": "create index", "valid": True}}


def test_the_same_schema_has_no_difference() -> None:
    assert schema.difference(table(indexes=INDEX), table(indexes=dict(INDEX))) == []


@pytest.mark.parametrize(
    ("expected", "seen", "line"),
    [
        (table(indexes=INDEX), table(indexes={}), "missing: relations public.t indexes t_idx"),
        (table(indexes={}), table(indexes=INDEX), "unexpected: relations public.t indexes t_idx"),
        (table(indexes=INDEX), table(), "missing: relations public.t indexes"),
        (
            table(grants=["api: select"]),
            table(grants=[]),
            "changed: relations public.t grants: ['api: select'] -> []",
        ),
    ],
)
def test_a_difference_is_one_line_with_its_place(expected: dict[str, Any], seen: dict[str, Any], line: str) -> None:
    assert schema.difference(expected, seen) == [line]


def test_what_is_not_valid_is_named() -> None:
    broken = {"definition": "", "valid": False}
    seen = table(indexes={"t_idx": broken, "u_idx": {"valid": True}}, constraints={"t_check": broken})
    assert schema.invalid(seen) == ["constraint t_check of public.t", "index t_idx of public.t"]


def test_rows_become_nested_values_with_sorted_grants() -> None:
    answers: dict[str, list[dict[str, Any]]] = {
        "schemas": [],
        "relations": [{"name": "public.t", "owner": "migrator", "view": None, "grants": ["b: select", "a: select"]}],
        "columns": [
            {"relation": "public.t", "name": "id", "type": "uuid", "default": None},
            {"relation": "public.gone", "name": "id", "type": "uuid"},
        ],
    }
    names = {query: name for name, query in schema._QUERIES.items()}
    seen = schema.read(lambda sql: [dict(row) for row in answers.get(names[sql], [])])
    assert seen["relations"] == {
        "public.t": {"owner": "migrator", "grants": ["a: select", "b: select"], "columns": {"id": {"type": "uuid"}}}
    }


def test_every_kind_has_its_query_and_a_place_in_the_committed_snapshot() -> None:
    assert set(schema._OF_RELATION) < set(schema._QUERIES)
    snapshot = schema.committed()
    assert set(snapshot) == set(schema._QUERIES) - set(schema._OF_RELATION)
    assert schema.SNAPSHOT.read_text() == schema.text(snapshot)
    assert not schema.invalid(snapshot)
