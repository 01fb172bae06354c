"""Strikes on a live PostgreSQL, each with its inverse in the undo log before it acts."""

import json
from collections.abc import Mapping
from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import DictRow

from seatrial.errors import HarnessError
from seatrial.facets.postgres._replication import ReplicationPg, session
from seatrial.facets.postgres._rows import drop_row, one_row, primary_key, put_row, strict_insert, table_name
from seatrial.inverses import inverse
from seatrial.scope import Scope

# Settings that are lists of names: one quoted string would mean one name (PostgreSQL source, GUC_LIST_QUOTE).
_LISTS = frozenset(
    {
        "search_path",
        "temp_tablespaces",
        "local_preload_libraries",
        "session_preload_libraries",
        "shared_preload_libraries",
    }
)
# ALTER ROLE's words -> the catalogue's columns.
_ATTRIBUTES = {
    "SUPERUSER": "rolsuper",
    "INHERIT": "rolinherit",
    "CREATEROLE": "rolcreaterole",
    "CREATEDB": "rolcreatedb",
    "LOGIN": "rolcanlogin",
    "REPLICATION": "rolreplication",
    "BYPASSRLS": "rolbypassrls",
}


class DestroyPg(ReplicationPg):
    """Changes to settings, roles, indexes and rows."""

    def set_system(self, name: str, value: str | None) -> None:
        """ALTER SYSTEM SET and reload, or RESET for None; the inverse restores the entry of postgresql.auto.conf."""
        with session(self._scope) as connection:
            kept = connection.execute(
                "select setting from pg_file_settings where name = %s and sourcefile like '%%postgresql.auto.conf' "
                "order by seqno desc limit 1",
                [name],
            ).fetchone()
            self._scope.undo("pg.set_system", {"name": name, "value": kept["setting"] if kept else None})
            _set_system(connection, name, value)

    def alter_role(self, role: str, attributes: str) -> None:
        """ALTER ROLE with attribute words, "SUPERUSER" or "CONNECTION LIMIT 2"; the inverse restores all of them."""
        clause = _attributes(attributes)
        with session(self._scope) as connection:
            columns = sql.SQL(", ").join(map(sql.Identifier, (*_ATTRIBUTES.values(), "rolconnlimit")))
            now = connection.execute(
                sql.SQL("select {} from pg_roles where rolname = %s").format(columns), [role]
            ).fetchone()
            if now is None:
                raise HarnessError(f"postgres has no role {role!r}")
            words = [word if now[column] else f"NO{word}" for word, column in _ATTRIBUTES.items()]
            before = " ".join([*words, f"CONNECTION LIMIT {now['rolconnlimit']}"])
            self._scope.undo("pg.alter_role", {"role": role, "attributes": before})
            connection.execute(sql.SQL("alter role {} {}").format(sql.Identifier(role), clause))

    def set_role(self, role: str, name: str, value: str | None) -> None:
        """ALTER ROLE ... SET a default of the role's sessions, or RESET for None; the inverse restores its own."""
        with session(self._scope) as connection:
            kept = connection.execute(
                "select split_part(entry, '=', 1) as name, substr(entry, strpos(entry, '=') + 1) as value "
                "from pg_db_role_setting s join pg_roles r on r.oid = s.setrole, unnest(s.setconfig) entry "
                "where r.rolname = %s and s.setdatabase = 0 and split_part(entry, '=', 1) = %s",
                [role, name],
            ).fetchone()
            self._scope.undo("pg.set_role", {"role": role, "name": name, "value": kept["value"] if kept else None})
            _set_role(connection, role, name, value)

    def grant(self, privilege: str, table: str, role: str) -> None:
        """Grant one privilege on a table ("INSERT"); the inverse takes it away unless the role has it already."""
        self._grant(privilege, table, role, given=True)

    def revoke(self, privilege: str, table: str, role: str) -> None:
        """Take one privilege on a table away; the inverse gives it back if the role has it."""
        self._grant(privilege, table, role, given=False)

    def drop_index(self, name: str) -> None:
        """Drop an index, or the constraint that it serves; the inverse makes it again from its own definition."""
        with session(self._scope) as connection:
            found = connection.execute(
                "select format('%%I.%%I', n.nspname, c.relname) as index, i.indrelid::regclass::text as table, "
                "pg_get_indexdef(c.oid) as definition, k.conname, pg_get_constraintdef(k.oid) as constraint "
                "from pg_class c join pg_namespace n on n.oid = c.relnamespace join pg_index i on i.indexrelid = c.oid "
                "left join pg_constraint k on k.conindid = c.oid and k.contype in ('p', 'u', 'x') "
                "where c.oid = to_regclass(%s)",
                [name],
            ).fetchone()
            if found is None:
                raise HarnessError(f"postgres has no index {name!r}")
            table = sql.SQL(found["table"])
            if found["conname"] is None:
                again, drop = found["definition"], sql.SQL("drop index {}").format(sql.SQL(found["index"]))
            else:
                constraint = sql.Identifier(found["conname"])
                add = sql.SQL("alter table {} add constraint {} {}")
                again = add.format(table, constraint, sql.SQL(found["constraint"])).as_string(connection)
                drop = sql.SQL("alter table {} drop constraint {}").format(table, constraint)
            self._scope.undo("pg.create_index", {"index": found["index"], "statement": again})
            connection.execute(drop)

    def invalidate_index(self, name: str) -> None:
        """Mark an index invalid, as a failed CREATE INDEX CONCURRENTLY leaves it; the inverse marks it valid."""
        with session(self._scope) as connection:
            found = connection.execute(
                "select indisvalid from pg_index where indexrelid = to_regclass(%s)", [name]
            ).fetchone()
            if found is None or not found["indisvalid"]:
                raise HarnessError(f"postgres has no valid index {name!r}")
            self._scope.undo("pg.validate_index", {"name": name})
            connection.execute("update pg_index set indisvalid = false where indexrelid = to_regclass(%s)", [name])

    def update_row(self, table: str, key: Mapping[str, Any], column: str, value: Any) -> None:
        """Change one column of the row with that key, past triggers and foreign keys; the inverse puts the row back."""
        with session(self._scope) as connection:
            if column in primary_key(connection, table):
                raise HarnessError(f"{table}.{column} is part of the primary key: delete the row and insert another")
            self._scope.undo("pg.put_row", {"table": table, "row": one_row(connection, table, key)})
            changed = json.dumps({column: value}, default=str)
            put_row(connection, table, one_row(connection, table, key), changed)

    def delete_row(self, table: str, key: Mapping[str, Any]) -> None:
        """Lose the row with that key alone, past triggers and foreign keys; the inverse puts it back as it is."""
        with session(self._scope) as connection:
            row = one_row(connection, table, key)
            self._scope.undo("pg.put_row", {"table": table, "row": row})
            drop_row(connection, table, row)

    def insert_row(self, table: str, row: Mapping[str, Any]) -> None:
        """Add a row, past triggers and foreign keys; it names its primary key, by which the inverse removes it."""
        text = json.dumps(dict(row), default=str)
        with session(self._scope) as connection:
            key = primary_key(connection, table)
            if missing := [column for column in key if column not in row]:
                raise HarnessError(
                    f"a row inserted into {table} must name its primary key: {', '.join(missing)} is missing"
                )
            wanted = {column: row[column] for column in key}
            if one_row(connection, table, wanted, missing_ok=True):
                raise HarnessError(f"{table} already has a row {wanted}")
            self._scope.undo("pg.drop_row", {"table": table, "row": json.dumps(wanted, default=str)})
            strict_insert(connection, table, text)

    def _grant(self, privilege: str, table: str, role: str, *, given: bool) -> None:
        if not privilege.replace(" ", "").isalpha():
            raise HarnessError(f"{privilege!r} is not a privilege")
        with session(self._scope) as connection:
            now = connection.execute(
                "select has_table_privilege(%s, %s, %s) as had", [role, table, privilege]
            ).fetchone()
            columns = connection.execute(
                "select a.attname from pg_attribute a, aclexplode(a.attacl) g where a.attrelid = %s::regclass "
                "and g.grantee = %s::regrole and g.privilege_type = upper(%s)",
                [table, role, privilege],
            ).fetchall()
            if columns and not given:
                # Revoking on the table takes these along, and granting on the table would give more than there was.
                names = ", ".join(row["attname"] for row in columns)
                raise HarnessError(f"{role} has {privilege} on columns of {table} ({names}): that cannot be undone")
            args = {"privilege": privilege, "table": table, "role": role, "given": bool(now and now["had"])}
            self._scope.undo("pg.grant", args)
            _grant(connection, privilege, table, role, given=given)


def _set_system(connection: psycopg.Connection[DictRow], name: str, value: str | None) -> None:
    connection.execute(_assign(sql.SQL("alter system"), name, value))
    connection.execute("select pg_reload_conf()")


def _set_role(connection: psycopg.Connection[DictRow], role: str, name: str, value: str | None) -> None:
    connection.execute(_assign(sql.SQL("alter role {}").format(sql.Identifier(role)), name, value))


def _assign(head: sql.Composable, name: str, value: str | None) -> sql.Composed:
    if value is None:
        return sql.SQL("{} reset {}").format(head, sql.Identifier(name))
    values = [part.strip().strip('"') for part in value.split(",")] if name in _LISTS else [value]
    return sql.SQL("{} set {} = {}").format(head, sql.Identifier(name), sql.SQL(", ").join(map(sql.Literal, values)))


def _grant(connection: psycopg.Connection[DictRow], privilege: str, table: str, role: str, *, given: bool) -> None:
    text = "grant {} on {} to {}" if given else "revoke {} on {} from {}"
    what = (sql.SQL(privilege), table_name(table), sql.Identifier(role))
    connection.execute(sql.SQL(text).format(*what))


def _attributes(text: str) -> sql.Composable:
    words = text.upper().split()
    known = {*_ATTRIBUTES, *(f"NO{word}" for word in _ATTRIBUTES), "CONNECTION", "LIMIT"}
    if strange := [word for word in words if word not in known and not word.lstrip("-").isdigit()]:
        raise HarnessError(
            f"not a role attribute: {', '.join(strange)} (there are: {', '.join(_ATTRIBUTES)}, CONNECTION LIMIT)"
        )
    return sql.SQL(" ".join(words))


@inverse("pg.set_system")
def _undo_set_system(scope: Scope, *, name: str, value: str | None) -> None:
    with session(scope) as connection:
        _set_system(connection, name, value)


@inverse("pg.alter_role")
def _undo_alter_role(scope: Scope, *, role: str, attributes: str) -> None:
    with session(scope) as connection:
        connection.execute(sql.SQL("alter role {} {}").format(sql.Identifier(role), _attributes(attributes)))


@inverse("pg.set_role")
def _undo_set_role(scope: Scope, *, role: str, name: str, value: str | None) -> None:
    with session(scope) as connection:
        _set_role(connection, role, name, value)


@inverse("pg.grant")
def _undo_grant(scope: Scope, *, privilege: str, table: str, role: str, given: bool) -> None:
    with session(scope) as connection:
        _grant(connection, privilege, table, role, given=given)


@inverse("pg.create_index")
def _undo_drop_index(scope: Scope, *, index: str, statement: str) -> None:
    with session(scope) as connection:
        found = connection.execute("select to_regclass(%s) is not null as there", [index]).fetchone()
        if not (found and found["there"]):
            connection.execute(sql.SQL(statement))


@inverse("pg.validate_index")
def _undo_invalidate_index(scope: Scope, *, name: str) -> None:
    with session(scope) as connection:
        connection.execute("update pg_index set indisvalid = true where indexrelid = to_regclass(%s)", [name])


@inverse("pg.put_row")
def _undo_row_lost(scope: Scope, *, table: str, row: str) -> None:
    with session(scope) as connection:
        put_row(connection, table, row)


@inverse("pg.drop_row")
def _undo_row_added(scope: Scope, *, table: str, row: str) -> None:
    with session(scope) as connection:
        drop_row(connection, table, row)
