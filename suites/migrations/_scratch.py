"""A scratch server that belongs to one check, empty at first, and moved up and down by the platform's migrations."""

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from seatrial import Exercise, Failure, Invalid
from seatrial.errors import EnvironmentFault
from seatrial.facets.postgres import ScratchSession
from suites.migrations import _schema as schema

FOLDER = Path("system", "migrations")
FILE = re.compile(r"([0-9]{14})_[a-z0-9_]+\.sql")
APPLIED = "select version, sha256 from schema_migrations order by version"
EMPTY = (
    "select count(*) as tables from pg_class c join pg_namespace n on n.oid = c.relnamespace where n.nspname = 'public'"
)


def revisions(tree: Path) -> dict[str, str]:
    """Return version -> SHA-256 of every revision in the tree, oldest first; raises Invalid where there is none."""
    found = {
        name[1]: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted((tree / FOLDER).glob("*.sql"))
        if (name := FILE.fullmatch(path.name))
    }
    if not found:
        raise Invalid(f"no migrations in {tree / FOLDER}")
    return found


class ScratchServer:
    """Starts a server for the check `exercise`, which drops it at its end; raises Invalid if it is not empty."""

    def __init__(self, exercise: Exercise) -> None:
        self._exercise = exercise
        self._scratch = exercise.platform.scratch()
        exercise.cleanup(exercise.platform.drop_scratch, self._scratch.id)
        if self.rows(EMPTY)[0]["tables"]:
            raise Invalid("the scratch server is not empty, so that nothing can be said of a start from nothing")

    def rows(self, sql: str, params: Sequence[object] | Mapping[str, object] = ()) -> list[dict[str, Any]]:
        """Return the rows of one query, run as the server's owner."""
        return self._exercise.pg.scratch_rows(self._scratch, sql, params)

    def session(self) -> ScratchSession:
        """Open a session as the server's owner, which ends with its `with`."""
        return self._exercise.pg.scratch_session(self._scratch)

    def schema(self) -> dict[str, Any]:
        """Read the schema."""
        return schema.read(self.rows)

    def up(self, steps: int | None = None) -> list[str]:
        """Apply what is pending, or some steps of it; a refusal is the migrations' Failure."""
        return self._moved("up", "applied", lambda: self._exercise.platform.migrate(self._scratch.id, steps))

    def down(self) -> list[str]:
        """Take the newest revision back; a refusal is the migrations' Failure."""
        return self._moved("down", "reverted", lambda: self._exercise.platform.revert(self._scratch.id))

    def refusal(self) -> str:
        """Try to apply one revision that must be refused, and return the refusal; a Failure if it is applied."""
        try:
            applied = self._exercise.platform.migrate(self._scratch.id, 1)["applied"]
        except EnvironmentFault as error:
            self._exercise.platform.status()
            return str(error)
        raise Failure("an error of a revision's last statement ends the run", f"applied: {', '.join(applied)}")

    def _moved(self, direction: str, moved: str, move: Callable[[], dict[str, Any]]) -> list[str]:
        try:
            versions: list[str] = move()[moved]
        except EnvironmentFault as error:
            self._exercise.platform.status()  # a platform that does not answer is no finding about migrations
            raise Failure(f"the migrations go {direction} on a scratch server", str(error)) from None
        return versions
