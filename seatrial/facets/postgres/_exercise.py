"""PostgreSQL as `exercise` offers it: queries on scratch servers, which belong to the check."""

from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Self

from seatrial.errors import Unanswered
from seatrial.facets.postgres._observe import REFUSALS, ObservePg, place
from seatrial.platform import Scratch
from seatrial.probes import postgres
from seatrial.scope import Scope


class ScratchSession:
    """One session at a scratch server, as its owner, from `with` until its end; for one thread at a time.

    Raises Unanswered when the server does not answer, or refuses a query.
    """

    def __init__(self, scope: Scope, scratch: Scratch) -> None:
        self._scope, self._name = scope, scratch.id
        options = {"host": scratch.host, "hostaddr": scratch.host, "port": scratch.port, "dbname": scratch.dbname}
        self._scope.meter.add(connections=1)
        try:
            self._connection = postgres.connect(
                place(scope), scratch.user, scratch.password_file.read_text().strip(), options
            )
        except REFUSALS as error:
            raise Unanswered(postgres.explain(error), scratch.id) from None

    @property
    def pid(self) -> int:
        """The server's process behind it."""
        return self._connection.info.backend_pid

    def rows(self, sql: str, params: Sequence[object] | Mapping[str, object] = ()) -> list[dict[str, Any]]:
        """Return the rows of one query; outside of a transaction unless `begin` was one."""
        self._scope.meter.add(requests=1, bytes_sent=len(sql))
        try:
            with self._connection.cursor() as cursor:
                cursor.execute(sql.encode(), params or None)
                return cursor.fetchall() if cursor.description else []
        except REFUSALS as error:
            raise Unanswered(postgres.explain(error), self._name) from None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _at: TracebackType | None
    ) -> None:
        self._connection.close()


class ExercisePg(ObservePg):
    """Adds sessions at a scratch server."""

    def scratch_session(self, scratch: Scratch) -> ScratchSession:
        """Open a session at a scratch server, which ends with its `with`; raises Unanswered when there is none."""
        return ScratchSession(self._scope, scratch)

    def scratch_rows(
        self, scratch: Scratch, sql: str, params: Sequence[object] | Mapping[str, object] = ()
    ) -> list[dict[str, Any]]:
        """Return the rows of one query on a scratch server, as its owner; raises Unanswered when it does not answer."""
        with self.scratch_session(scratch) as session:
            return session.rows(sql, params)
