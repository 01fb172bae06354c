"""Single rows as JSON text: taken, put back exactly, removed; triggers and foreign keys do not act on them.

The text is the server's own `to_jsonb`, never parsed here, so that no number loses a digit.
"""

from collections.abc import Mapping
from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import DictRow

from seatrial.errors import HarnessError

_Session = psycopg.Connection[DictRow]


def table_name(table: str) -> sql.Identifier:
    """Return the quoted name of "table" or "schema.table"."""
    return sql.Identifier(*table.split("."))


def primary_key(connection: _Session, table: str) -> list[str]:
    """Return the primary key's columns; raises HarnessError for a table without one."""
    rows = connection.execute(
        "select a.attname from pg_index i join pg_attribute a on a.attrelid = i.indrelid and a.attnum = any(i.indkey) "
        "where i.indisprimary and i.indrelid = to_regclass(%s) order by array_position(i.indkey::int2[], a.attnum)",
        [table],
    ).fetchall()
    if not rows:
        raise HarnessError(f"postgres has no table {table!r} with a primary key")
    return [row["attname"] for row in rows]


def one_row(connection: _Session, table: str, key: Mapping[str, Any], *, missing_ok: bool = False) -> str:
    """Return the one row with these columns as JSON text; raises HarnessError for several, or none unless allowed."""
    where = sql.SQL(" and ").join(sql.SQL("{} = %s").format(sql.Identifier(column)) for column in key)
    found = connection.execute(
        sql.SQL("select to_jsonb(t)::text as row from {} t where {} limit 2").format(table_name(table), where),
        list(key.values()),
    ).fetchall()
    if len(found) > 1 or (not found and not missing_ok):
        raise HarnessError(f"{len(found) or 'no'} rows of {table} have {dict(key)}: one was meant")
    return str(found[0]["row"]) if found else ""


def put_row(connection: _Session, table: str, row: str, changed: str = "{}") -> None:
    """Make the table hold exactly this row under its primary key, with the columns of `changed` replaced."""
    with connection.transaction():
        drop_row(connection, table, row)
        _insert(connection, table, row, changed)


def strict_insert(connection: _Session, table: str, row: str) -> None:
    """Insert a row with the columns that it names; the others take their defaults."""
    with connection.transaction():
        _insert(connection, table, row, "{}")


def drop_row(connection: _Session, table: str, row: str) -> None:
    """Remove the row with that primary key, if there is one, and nothing else."""
    key = sql.SQL(" and ").join(
        sql.SQL("t.{0} = r.{0}").format(sql.Identifier(column)) for column in primary_key(connection, table)
    )
    with connection.transaction():
        connection.execute("set local session_replication_role = replica")
        connection.execute(
            sql.SQL("delete from {0} t using jsonb_populate_record(null::{0}, %s::jsonb) r where {1}").format(
                table_name(table), key
            ),
            [row],
        )


def _insert(connection: _Session, table: str, row: str, changed: str) -> None:
    rows = connection.execute(
        "select attname from pg_attribute where attrelid = to_regclass(%s) and attnum > 0 and not attisdropped "
        "and attgenerated = '' and %s::jsonb ? attname",
        [table, row],
    ).fetchall()
    columns = sql.SQL(", ").join(sql.Identifier(found["attname"]) for found in rows)
    connection.execute("set local session_replication_role = replica")
    connection.execute(
        sql.SQL(
            "insert into {0} ({1}) overriding system value "
            "select {1} from jsonb_populate_record(null::{0}, %s::jsonb || %s::jsonb)"
        ).format(table_name(table), columns),
        [row, changed],
    )
