"""The undo log: every strike's inverse, on disk before the strike.

One JSON object a line. `{"n": 3, "do": "redis.config_set", "args": {...}, "by": "redis-evicts", "at": "..."}` is written
and synced before the strike acts; `{"undone": 3}` once its inverse has run. A torn last line is ignored: its strike never
happened, because the sync comes first.
"""

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from seatrial.errors import EnvironmentFault


@dataclass(frozen=True)
class Entry:
    """One inverse that has not been replayed yet."""

    number: int
    do: str
    args: dict[str, Any]
    by: str
    at: str

    def __str__(self) -> str:
        return f"#{self.number} {self.do} (struck by {self.by} at {self.at})"


class UndoLog:
    """Write-ahead log of strikes at `path`; the folder must exist."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def append(self, do: str, args: dict[str, Any], by: str) -> int:
        """Record an inverse durably and return its number; raises EnvironmentFault if it cannot be written."""
        number = max((record.get("n", 0) for record in self._records()), default=0) + 1
        at = datetime.now(UTC).isoformat(timespec="milliseconds")
        self._write({"n": number, "do": do, "args": args, "by": by, "at": at})
        return number

    def pending(self, after: int = 0) -> list[Entry]:
        """Return what is still to be undone with a number above `after`, newest first."""
        records = self._records()
        undone = {record["undone"] for record in records if "undone" in record}
        entries = [
            Entry(record["n"], record["do"], record["args"], record["by"], record["at"])
            for record in records
            if record.get("n", 0) > after and record["n"] not in undone
        ]
        return entries[::-1]

    def last(self) -> int:
        """Return the highest number ever given; 0 for an empty log."""
        return max((record.get("n", 0) for record in self._records()), default=0)

    def replay(self, inverse: Callable[[str, dict[str, Any]], None], after: int = 0) -> list[Entry]:
        """Run the inverses above `after`, newest first, mark them as undone and return them.

        An inverse that raises does not keep the older ones from being run, because what it needs may be what they give
        back. Where that helped, all are run once more in order, so that none overwrites what an older one restored;
        inverses are idempotent. What still raises is raised, and stays pending with all that is older.
        """
        entries = self.pending(after)
        failed = _run(entries, inverse)
        while failed and any(entry.number < max(failed) and entry.number not in failed for entry in entries):
            before, failed = failed, _run(entries, inverse)
            if len(failed) >= len(before):
                break
        done = [entry for entry in entries if entry.number > max(failed, default=0)]
        for entry in done:
            self._write({"undone": entry.number})
        if failed:
            raise next(iter(failed.values()))
        return done

    def _records(self) -> list[dict[str, Any]]:
        try:
            whole = self.path.read_text().split("\n")[:-1]
        except FileNotFoundError:
            return []
        records = []
        for number, line in enumerate(whole, 1):
            try:
                records.append(json.loads(line))
            except json.JSONDecodeError:
                raise EnvironmentFault(f"{self.path}:{number}: not a record of the undo log") from None
        return records

    def _write(self, record: dict[str, Any]) -> None:
        try:
            existed = self.path.exists()
            with os.fdopen(os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600), "r+b") as file:
                _drop_torn_line(file.fileno())
                os.write(file.fileno(), json.dumps(record).encode() + b"\n")
                os.fsync(file.fileno())
            if not existed:
                folder = os.open(self.path.parent, os.O_RDONLY)
                os.fsync(folder)
                os.close(folder)
        except OSError as error:
            raise EnvironmentFault(f"the undo log cannot be written: {error.strerror} ({self.path})") from None


def _run(entries: list[Entry], inverse: Callable[[str, dict[str, Any]], None]) -> dict[int, Exception]:
    """Run every inverse in order; return what those raised that could not be run, by their numbers."""
    failed: dict[int, Exception] = {}
    for entry in entries:
        try:
            inverse(entry.do, entry.args)
        except Exception as error:  # noqa: BLE001 - raised by replay, when the others have had their turn
            failed[entry.number] = error
    return failed


def _drop_torn_line(descriptor: int) -> None:
    size = os.fstat(descriptor).st_size
    text = os.pread(descriptor, size, 0)
    if text and not text.endswith(b"\n"):
        os.ftruncate(descriptor, text.rfind(b"\n") + 1)
