"""PostgreSQL as a handle offers it: reading, and attempts to connect."""

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
from psycopg import errors
from psycopg.rows import DictRow

from seatrial.errors import HarnessError, Invalid, Unanswered
from seatrial.outcome import Level
from seatrial.probes import postgres
from seatrial.probes.postgres import PgAnswer
from seatrial.scope import Door, PostgresPlace, Scope

REFUSALS = (
    psycopg.OperationalError,
    errors.InsufficientPrivilege,
    errors.UndefinedTable,
    errors.UndefinedColumn,
    errors.UndefinedFunction,
    errors.UndefinedObject,
    errors.DataCorrupted,
    errors.IndexCorrupted,
)


@dataclass(frozen=True)
class _Place:
    host: str
    port: int
    database: str
    ca: Path
    address: str | None
    pooler: Door | None = None
    standbys: Mapping[str, Door] = field(default_factory=dict)


def place(scope: Scope, standby: str | None = None) -> PostgresPlace:
    """Return where the database answers, or that standby of it; raises Invalid when the profile names none."""
    primary = scope.profile.postgres
    if primary is None:
        raise Invalid("the profile names no [postgres]")
    if standby is None:
        return primary
    if standby not in primary.standbys:
        raise Invalid(f"the profile names no [postgres.standbys.{standby}]")
    return _door(primary, primary.standbys[standby], primary.database)


def _door(primary: PostgresPlace, door: Door, database: str) -> PostgresPlace:
    return _Place(door.host, door.port, database, primary.ca, door.address)


def _pooler(scope: Scope, database: str | None = None) -> PostgresPlace:
    primary = place(scope)
    if primary.pooler is None:
        raise Invalid("the profile names no [postgres.pooler]")
    return _door(primary, primary.pooler, database or primary.database)


class ObservePg:
    """Queries with the level's own credential, and connection attempts with any."""

    def __init__(self, scope: Scope, standby: str | None = None) -> None:
        self._scope = scope
        self._standby = standby
        self._name = standby or "postgres"

    def standby(self, name: str) -> "ObservePg":
        """Return the same, reading at a standby that the profile declares."""
        return ObservePg(self._scope, name)

    def show(self, what: str) -> list[dict[str, Any]]:
        """Return the rows of PgBouncer's SHOW, such as "POOLS", asked of the declared pooler's console.

        Raises Unanswered (a Failure) when the pooler does not answer, Invalid when the profile names none.
        """
        if not what.isalpha():
            raise HarnessError(f"{what!r} is no word that follows SHOW")
        console = _pooler(self._scope, "pgbouncer")
        own = self._scope.credentials("postgres")
        self._scope.meter.add(connections=1, requests=1)
        try:
            with (
                postgres.connect(console, own.user, own.password) as connection,
                postgres.within(connection, postgres.QUERY_TIMEOUT_S),
            ):
                return connection.execute(f"SHOW {what}".encode()).fetchall()
        except psycopg.OperationalError as error:
            raise Unanswered(postgres.explain(error), "pooler") from None

    def rows(
        self,
        sql: str,
        params: Sequence[object] | Mapping[str, object] = (),
        *,
        timeout_s: float = postgres.QUERY_TIMEOUT_S,
    ) -> list[dict[str, Any]]:
        """Return the rows of one query; `params` are `%s` or `%(name)s` values.

        Raises Unanswered (a Failure) when the server cannot be reached, refuses, is late, or has no such table or
        column. From `disrupt` on the session is read-only, because a change belongs into a primitive with an inverse.
        """
        connection = self._connection()
        try:
            return self._run(connection, sql, params, timeout_s)
        except errors.ConnectionTimeout as error:
            raise Unanswered(postgres.explain(error), self._name) from None
        except REFUSALS as error:
            if not connection.broken:
                raise Unanswered(postgres.explain(error), self._name) from None
        # The kept session was lost, with the server or with its network: what counts is whether a new one answers.
        try:
            return self._run(self._connection(), sql, params, timeout_s)
        except REFUSALS as error:
            raise Unanswered(postgres.explain(error), self._name) from None

    def attempt(
        self,
        *,
        user: str | None = None,
        password: str | None = None,
        sslmode: str | None = None,
        host: str | None = None,
        options: Mapping[str, object] | None = None,
        pooled: bool = False,
    ) -> PgAnswer:
        """Connect, run `select 1` and close.

        Args:
            user: another user; without it the level's own, with its password.
            password: that user's; none is sent without it.
            sslmode: libpq's word instead of verify-full.
            host: another name to verify, at the same address.
            options: further libpq keywords, such as require_auth; None removes one.
            pooled: knock at the declared pooler; Invalid when the profile names none.
        """
        where = _pooler(self._scope) if pooled else place(self._scope, self._standby)
        if user is None:
            own = self._scope.credentials("postgres")
            user, password = own.user, own.password if password is None else password
        extra: dict[str, object] = dict(options or {})
        if sslmode is not None:
            extra["sslmode"] = sslmode
        if host is not None:
            extra |= {"host": host, "hostaddr": where.address or where.host}
        self._scope.meter.add(connections=1, requests=1)
        return postgres.attempt(where, user, password or "", extra)

    def _connection(self) -> psycopg.Connection[DictRow]:
        """Give a session at the primary, wherever it is; where none is found, one at the declared place, to say what it is instead."""
        read_only = self._scope.level >= Level.DISRUPT
        where = place(self._scope, self._standby)
        options: dict[str, object] = {"options": "-c default_transaction_read_only=on"} if read_only else {}
        if elsewhere := postgres.wherever(where):
            with contextlib.suppress(psycopg.OperationalError):
                return self._kept("primary", where, options | elsewhere)
        try:
            return self._kept(self._standby, where, options)
        except psycopg.OperationalError as error:
            raise Unanswered(postgres.explain(error), self._name) from None

    def _kept(
        self, which: str | None, where: PostgresPlace, options: Mapping[str, object]
    ) -> psycopg.Connection[DictRow]:
        own = self._scope.credentials("postgres")
        key = ("pg", which, own.user, self._scope.level >= Level.DISRUPT)
        kept: psycopg.Connection[DictRow] | None = self._scope.clients.get(key)
        if kept is not None and not kept.closed:
            return kept
        self._scope.meter.add(connections=1)
        self._scope.clients[key] = made = postgres.connect(where, own.user, own.password, options)
        return made

    def _run(
        self,
        connection: psycopg.Connection[DictRow],
        sql: str,
        params: Sequence[object] | Mapping[str, object],
        timeout_s: float,
    ) -> list[dict[str, Any]]:
        self._scope.meter.add(requests=1, bytes_sent=len(sql))
        with postgres.within(connection, timeout_s), connection.cursor() as cursor:
            cursor.execute(sql, params or None)
            return cursor.fetchall() if cursor.description else []
