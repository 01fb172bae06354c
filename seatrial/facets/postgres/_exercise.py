"""PostgreSQL as `exercise` offers it: queries on scratch servers, which belong to the check."""

from collections.abc import Mapping, Sequence
from typing import Any

from seatrial.errors import Unanswered
from seatrial.facets.postgres._observe import REFUSALS, ObservePg, place
from seatrial.platform import Scratch
from seatrial.probes import postgres


class ExercisePg(ObservePg):
    """Adds queries on a scratch server."""

    def scratch_rows(
        self, scratch: Scratch, sql: str, params: Sequence[object] | Mapping[str, object] = ()
    ) -> list[dict[str, Any]]:
        """Return the rows of one query on a scratch server, as its owner; raises Unanswered when it does not answer."""
        self._scope.meter.add(connections=1, requests=1, bytes_sent=len(sql))
        options = {"host": scratch.host, "hostaddr": scratch.host, "port": scratch.port, "dbname": scratch.dbname}
        password = scratch.password_file.read_text().strip()
        try:
            with (
                postgres.connect(place(self._scope), scratch.user, password, options) as connection,
                connection.cursor() as cursor,
            ):
                cursor.execute(sql, params or None)
                return cursor.fetchall() if cursor.description else []
        except REFUSALS as error:
            raise Unanswered(postgres.explain(error), scratch.id) from None
