"""Apply and revert migrations on one connection, one runner at a time."""

import random
import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

import psycopg
from psycopg import sql
from psycopg.rows import class_row

from system.migrations.files import Migration, MigrationError, Section, split_statements

__all__ = ["Applied", "Runner"]

T = TypeVar("T")

LOCK_KEY = 0x5EA_7814  # any number that nothing else in the database uses
LOCK_BUDGET_S = 120.0
RETRY_BUDGET_S = 60.0
RETRY_PAUSE_S = (0.05, 0.5)

_CHANGES = ("INSERT", "UPDATE", "DELETE", "MERGE")
_CONCURRENT_INDEX = re.compile(
    r"^\s*(?:--[^\n]*\n\s*)*create\s+(?:unique\s+)?index\s+concurrently\s+(?:if\s+not\s+exists\s+)?([a-z0-9_]+)",
    re.IGNORECASE,
)
_CREATE_TABLE = """
    create table if not exists schema_migrations (
        version text primary key,
        sha256 text not null,
        applied_at timestamptz not null default now()
    )
"""


@dataclass(frozen=True)
class Applied:
    """Hold one row of schema_migrations."""

    version: str
    sha256: str
    applied_at: datetime


class Runner:
    """Bring a database up or down; `connection` must be in autocommit mode and direct, not through a pooler.

    Args:
        connection: signed in as the owner of the schema.
        migrations: what the release has.
        say: called with each line about the progress.
        retry_budget_s: how long a lock is tried for.
        old: releases other than this one that still serve; None where nobody knows.
    """

    def __init__(
        self,
        connection: psycopg.Connection,
        migrations: Sequence[Migration],
        say: Callable[[str], None] = print,
        retry_budget_s: float = RETRY_BUDGET_S,
        old: Sequence[str] | None = None,
    ) -> None:
        self._connection, self._migrations, self._say = connection, migrations, say
        self._retry_budget_s = retry_budget_s
        self._old = None if old is None else list(old)

    def applied(self) -> list[Applied]:
        """List what schema_migrations says, oldest first."""
        with self._connection.cursor(row_factory=class_row(Applied)) as cursor:
            if cursor.connection.execute("select to_regclass('schema_migrations') is null as missing").fetchone() == (
                True,
            ):
                return []
            return cursor.execute(
                "select version, sha256, applied_at from schema_migrations order by version"
            ).fetchall()

    def ahead(self) -> list[str]:
        """List what was applied and comes after the newest file: a newer release's."""
        newest = max((migration.version for migration in self._migrations), default="")
        return [row.version for row in self.applied() if row.version > newest]

    def verify(self, *, or_ahead: bool = False) -> list[Migration]:
        """Compare the files with what was applied; give what is pending, or raise MigrationError.

        Args:
            or_ahead: accept what a newer release has applied behind the newest file.
        """
        files = {migration.version: migration for migration in self._migrations}
        applied = self.applied()
        for row in applied:
            if or_ahead and row.version > max(files, default=""):
                continue
            if row.version not in files:
                raise MigrationError(f"{row.version} is applied, but its file is missing")
            if row.sha256 != files[row.version].sha256:
                raise MigrationError(
                    f"{row.version} was changed after it had been applied; write a new migration instead"
                )
        done = {row.version for row in applied}
        pending = [migration for migration in self._migrations if migration.version not in done]
        if applied and pending and pending[0].version < applied[-1].version:
            raise MigrationError(f"{pending[0].version} is older than {applied[-1].version}, which is already applied")
        return pending

    def plan(self, steps: int | None = None) -> list[Migration]:
        """Give what `up` would apply, or raise what it would be refused for; changes nothing.

        What takes away is kept back where nobody knows which releases serve, and refused where anything follows that the release
        needs. A schema that is ahead is left as it is: whoever goes back to a release starts it on that of the newer one.
        """
        if ahead := self.ahead():
            self._say(f"the schema is ahead: {', '.join(ahead)} came with a newer release")
        pending = self.verify(or_ahead=True)[:steps]
        for number, migration in enumerate(pending):
            if migration.phase != "contract" or self._old == []:
                continue
            if self._old is None:
                if needed := [each.version for each in pending[number:] if each.phase != "contract"]:
                    raise MigrationError(
                        f"{needed[0]} comes behind {migration.version}, which contracts: say first which releases serve (--old)"
                    )
                self._say(f"kept back: {migration.version} contracts, and nobody has said which releases serve (--old)")
                return pending[:number]
            raise MigrationError(
                f"{migration.version} contracts what {', '.join(self._old)} may need, which still serves"
            )
        return pending

    def up(self, steps: int | None = None) -> list[str]:
        """Apply the oldest `steps` of what is pending, or all of it; give the versions."""
        with self._alone():
            self._connection.execute(_CREATE_TABLE)
            pending = self.plan(steps)
            for migration in pending:
                self._run(
                    migration,
                    migration.up,
                    "insert into schema_migrations (version, sha256) values (%s, %s)",
                    (migration.version, migration.sha256),
                )
                self._say(f"applied {migration.version} {migration.name}")
            return [migration.version for migration in pending]

    def down(self, steps: int = 1) -> list[str]:
        """Revert the newest `steps` migrations; give the versions."""
        with self._alone():
            self.verify()
            files = {migration.version: migration for migration in self._migrations}
            newest = [files[row.version] for row in reversed(self.applied())][:steps]
            for migration in newest:
                self._run(
                    migration,
                    migration.down,
                    "delete from schema_migrations where version = %s and sha256 = %s",
                    (migration.version, migration.sha256),
                )
                self._say(f"reverted {migration.version} {migration.name}")
            return [migration.version for migration in newest]

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Hold the advisory lock. Waiting is by polling: a blocked query would hold up CREATE INDEX CONCURRENTLY."""
        deadline = time.monotonic() + LOCK_BUDGET_S
        while self._connection.execute("select pg_try_advisory_lock(%s)", (LOCK_KEY,)).fetchone() != (True,):
            if time.monotonic() > deadline:
                raise MigrationError(f"another runner has held the lock for {LOCK_BUDGET_S:g} s")
            _pause()
        try:
            yield
        finally:
            if not self._connection.broken:
                self._connection.execute("select pg_advisory_unlock(%s)", (LOCK_KEY,))

    def _run(self, migration: Migration, section: Section, record: str, values: tuple[str, ...]) -> None:
        if section.transaction:
            self._retrying(migration, lambda: self._in_transaction(migration, section, record, values))
            return
        in_batches = migration.phase == "backfill" and section is migration.up
        for statement in split_statements(section.sql):
            if in_batches:
                self._fill(migration, statement)
            else:
                self._retrying(migration, lambda text=statement: self._alone_statement(migration, text))  # type: ignore[misc]
        self._connection.execute(record, values)

    def _fill(self, migration: Migration, statement: str) -> None:
        """Repeat a statement, each time in a transaction of its own, until it changes no row.

        Whatever ends it early, the batches before stay, and the next run goes on where this one stopped.
        """
        total = 0
        while changed := self._retrying(migration, lambda: self._batch(migration, statement)):
            total += changed
        self._say(f"{migration.version}: {total} rows filled")

    def _batch(self, migration: Migration, statement: str) -> int:
        with self._connection.transaction():
            self._limit(migration, local=True)
            cursor = self._connection.execute(statement.encode())
            return cursor.rowcount if (cursor.statusmessage or "").startswith(_CHANGES) else 0

    def _in_transaction(self, migration: Migration, section: Section, record: str, values: tuple[str, ...]) -> None:
        with self._connection.transaction():
            self._limit(migration, local=True)
            self._connection.execute(section.sql.encode())
            self._connection.execute(record, values)

    def _alone_statement(self, migration: Migration, statement: str) -> None:
        self._limit(migration, local=False)
        try:
            if index := _CONCURRENT_INDEX.match(statement):
                self._drop_invalid(index[1])
            self._connection.execute(statement.encode())
        finally:
            if not self._connection.broken:
                self._connection.execute("reset lock_timeout")
                self._connection.execute("reset statement_timeout")

    def _limit(self, migration: Migration, *, local: bool) -> None:
        # Statements outside of a transaction build indexes: they take long, and block nobody.
        statement_timeout = migration.statement_timeout if local else "0"
        for name, value in (("lock_timeout", migration.lock_timeout), ("statement_timeout", statement_timeout)):
            self._connection.execute("select set_config(%s, %s, %s)", (name, value, local))

    def _drop_invalid(self, index: str) -> None:
        """Drop the remains of an index build that failed; IF NOT EXISTS would take them for the index."""
        invalid = self._connection.execute(
            "select 1 from pg_index where indexrelid = to_regclass(%s) and not indisvalid", (index,)
        ).fetchone()
        if invalid:
            self._say(f"dropping the invalid index {index}")
            self._connection.execute(sql.SQL("drop index concurrently {}").format(sql.Identifier(index)))

    def _retrying(self, migration: Migration, action: Callable[[], T]) -> T:
        """Repeat on a lock time-out, so that traffic never waits longer than one lock_timeout for us."""
        deadline, tries = time.monotonic() + self._retry_budget_s, 0
        while True:
            tries += 1
            try:
                return action()
            except psycopg.errors.LockNotAvailable as error:
                if time.monotonic() > deadline:
                    raise MigrationError(
                        f"{migration.version}: no lock within {self._retry_budget_s:g} s ({tries} tries of "
                        f"{migration.lock_timeout}): {error.diag.message_primary}"
                    ) from error
                self._say(f"{migration.version}: lock time-out, try {tries + 1} follows")
                _pause()


def _pause() -> None:
    time.sleep(random.uniform(*RETRY_PAUSE_S))  # noqa: S311 - jitter, no secret
