"""PostgreSQL as `disrupt` offers it: a lock that a service's own role could hold."""

import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import DictRow

from seatrial.errors import Invalid
from seatrial.facets.postgres._exercise import ExercisePg
from seatrial.facets.postgres._observe import REFUSALS, place
from seatrial.facets.postgres._rows import table_name
from seatrial.inverses import inverse
from seatrial.probes import postgres
from seatrial.scope import Scope


class DisruptPg(ExercisePg):
    """Adds locks."""

    @contextmanager
    def row_locked(self, table: str, key: Mapping[str, Any], credential: str) -> Iterator[None]:
        """Hold one row locked, so that whoever changes it waits, in a session of a credential that the profile names.

        The inverse ends the session; the server ends it too once it has been idle for the role's own
        `idle_in_transaction_session_timeout`. Raises Invalid when the lock cannot be had, or was lost before its end.
        """
        name = f"seatrial lock {uuid.uuid4().hex[:12]}"
        self._scope.undo("pg.end_session", {"credential": credential, "name": name})
        self._scope.meter.add(writes=1)
        where = sql.SQL(" and ").join(sql.SQL("{} = %s").format(sql.Identifier(column)) for column in key)
        query = sql.SQL("select 1 from {} where {} for update").format(table_name(table), where)
        try:
            with _session(self._scope, credential, name) as connection, connection.transaction():
                found = connection.execute(query, list(key.values())).fetchall()
                if len(found) != 1:
                    raise Invalid(f"{len(found) or 'no'} rows of {table} have {dict(key)}: one was to be locked")
                yield
                connection.execute("select 1")
        except REFUSALS as error:
            raise Invalid(f"the row of {table} could not be kept locked: {postgres.explain(error)}") from error


def _session(scope: Scope, credential: str, name: str) -> psycopg.Connection[DictRow]:
    own = scope.credentials(credential)
    scope.meter.add(connections=1)
    where = place(scope)
    return postgres.connect(where, own.user, own.password, {"application_name": name, **postgres.wherever(where)})


@inverse("pg.end_session")
def _undo_lock(scope: Scope, *, credential: str, name: str) -> None:
    with _session(scope, credential, "seatrial") as connection:
        connection.execute("select pg_terminate_backend(pid) from pg_stat_activity where application_name = %s", [name])
