"""Rows as a value: what the tables of a server hold, as digests that another server, or the same one later, can equal."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

SEED = Path(__file__).with_name("seed.sql")
WHOLE = "whole rows"

Rows = Callable[..., list[dict[str, Any]]]
"""Runs one query, with its parameters, and returns its rows."""

_TABLES = """
select format('%I.%I', n.nspname, c.relname) as name,
       array(select a.attname::text from pg_attribute a
             where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped) as columns
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where n.nspname = 'public' and c.relkind in ('r', 'p') and c.relname <> 'schema_migrations' order by 1
"""
# One digest a column, whatever the order of the rows, and one over the rows, so that values cannot change places.
_DIGESTS = """
with kept as (
    select jsonb_object_agg(key, value) as row
    from (select row_number() over () as number, to_jsonb(t) as whole from {table} t) numbered, jsonb_each(whole)
    where key = any(%(columns)s) group by number
)
select key as name, md5(string_agg(value::text, ',' order by value::text)) as digest from kept, jsonb_each(row) group by key
union all select '{whole}', md5(string_agg(row::text, ',' order by row::text)) from kept having count(*) > 0
"""

Tables = Mapping[str, list[str]]
"""Table -> its columns."""


def seeds() -> dict[str, str]:
    """Return revision -> the statements that fill the tables which it makes."""
    return sections(SEED)[1]


def sections(file: Path) -> tuple[str, dict[str, str]]:
    """Return what stands before all sections of a file, and revision -> what stands after its line `-- after: VERSION`."""
    first, *parts = re.split(r"^-- after: ([0-9]{14})\n", file.read_text(), flags=re.MULTILINE)
    return first, dict(zip(parts[::2], parts[1::2], strict=True))


def tables(rows: Rows) -> dict[str, list[str]]:
    """Return the product's tables as they are now."""
    return {row["name"]: row["columns"] for row in rows(_TABLES)}


def counts(rows: Rows, names: Tables) -> dict[str, int]:
    """Return how many rows each table has."""
    return {name: rows(f"select count(*) as rows from {name}")[0]["rows"] for name in names}  # noqa: S608 - quoted by the server


def digests(rows: Rows, names: Tables) -> dict[str, str]:
    """Return "table column" -> digest of its values, for these tables and columns; an empty table has none."""
    return {
        f"{table} {row['name']}": row["digest"]
        for table, columns in names.items()
        for row in rows(_DIGESTS.format(table=table, whole=WHOLE), {"columns": columns})
    }


def changed(before: Mapping[str, str], after: Mapping[str, str]) -> list[str]:
    """Return what has another digest, or none any more."""
    return sorted(name for name in before if after.get(name) != before[name])
