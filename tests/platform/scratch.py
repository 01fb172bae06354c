"""A scratch server of a running instance, with the runner in this process."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg.rows import dict_row

from seatrial.errors import Unanswered
from system.migrations import Migration, Runner
from tests.platform.bench import Running

DROPPED_WITHIN_S = 30


class Session:
    """A session of its superuser, as the suites have one."""

    def __init__(self, connection: psycopg.Connection[dict[str, Any]]) -> None:
        self._connection = connection

    @property
    def pid(self) -> int:
        return self._connection.info.backend_pid

    def rows(self, sql: str, params: Sequence[object] | Mapping[str, object] = ()) -> list[dict[str, Any]]:
        try:
            with self._connection.cursor() as cursor:
                cursor.execute(sql.encode(), params or None)
                return cursor.fetchall() if cursor.description else []
        except psycopg.Error as error:
            raise Unanswered(str(error.diag.message_primary), "scratch") from None


@dataclass(frozen=True)
class ScratchDatabase:
    """An empty database with the product's roles.

    Attributes:
        answer: what the platform said of it.
    """

    answer: Mapping[str, Any]

    def dsn(self, user: str) -> str:
        """Give the connection string of a role, with its password."""
        where = {name: self.answer[name] for name in ("host", "port", "dbname")}
        return psycopg.conninfo.make_conninfo(**where, user=user, password=self.password(user), sslmode="require")

    def url(self, user: str) -> str:
        """Give where a role connects as a program is told, without its password."""
        host, port, name = (self.answer[each] for each in ("host", "port", "dbname"))
        return f"postgresql://{user}@{host}:{port}/{name}?sslmode=require"

    def password(self, user: str) -> str:
        """Give the password of a role."""
        return Path(self.answer["password_file"]).with_name(f"postgres-{user}").read_text().strip()

    @contextmanager
    def session(self) -> Iterator[Session]:
        """Open a session as its superuser."""
        with psycopg.connect(self.dsn("admin"), autocommit=True, row_factory=dict_row) as connection:
            yield Session(connection)

    def rows(self, sql: str, params: Sequence[object] = ()) -> list[dict[str, Any]]:
        """Run one query as its superuser."""
        with self.session() as session:
            return session.rows(sql, params)

    @contextmanager
    def runner(self, migrations: Sequence[Migration], lines: list[str] | None = None) -> Iterator[Runner]:
        """Give a runner of these migrations, as the role that migrates; what it says goes to `lines`."""
        said = [] if lines is None else lines
        with psycopg.connect(self.dsn("migrator"), autocommit=True, application_name="migrations") as connection:
            yield Runner(connection, migrations, said.append)


@contextmanager
def scratch(running: Running) -> Iterator[ScratchDatabase]:
    """Have a scratch server until the end of `with`."""
    answer = running.post("scratch")
    try:
        yield ScratchDatabase(answer)
    finally:
        running.ask("DELETE", f"scratch/{answer['id']}").raise_for_status()
