"""The undo log: every strike's inverse, on disk before the strike.

One JSON object a line. `{"n": 3, "do": "redis.config_set", "args": {...}, "by": "redis-evicts", "at": "..."}` is written
and synced before the strike acts; `{"undone": 3}` once its inverse has run. A torn last line is ignored: its strike never
happened, because the sync comes first. What this process has struck it also remembers: a file that loses its lines keeps
nothing from being undone, as long as the process lives.
"""

import errno
import json
import os
import stat
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from seatrial.errors import EnvironmentFault

_FIELDS: dict[str, type] = {"n": int, "do": str, "args": dict, "by": str, "at": str}


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
    """Write-ahead log of strikes at `path`; the folder must exist.

    Whatever is read from it is run with strong credentials: a file that others may write, a link, or a line of another
    form is an EnvironmentFault.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._ours: list[dict[str, Any]] = []
        self._last = 0  # the number that was highest when the file had `_size` bytes, None: when there was none
        self._size: int | None = None

    def append(self, do: str, args: dict[str, Any], by: str) -> int:
        """Record an inverse durably and return its number; raises EnvironmentFault if it cannot be written."""
        number = (self._last if self._size_now() == self._size else self.last()) + 1
        at = datetime.now(UTC).isoformat(timespec="milliseconds")
        record = {"n": number, "do": do, "args": args, "by": by, "at": at}
        self._size, self._last = self._write(record), number
        self._ours.append(json.loads(json.dumps(record)))
        return number

    def pending(self, after: int = 0) -> list[Entry]:
        """Return what is still to be undone with a number above `after`, newest first."""
        records = self._records()
        undone = {record["undone"] for record in records if "undone" in record}
        known = [record for record in records if "n" in record] + self._lost(records)
        entries = [Entry(*(record[name] for name in _FIELDS)) for record in known]
        wanted = [entry for entry in entries if entry.number > after and entry.number not in undone]
        return sorted(wanted, key=lambda entry: entry.number, reverse=True)

    def last(self) -> int:
        """Return the highest number ever given; 0 for an empty log."""
        return max((record.get("n", 0) for record in (*self._records(), *self._ours)), default=0)

    def replay(self, inverse: Callable[[str, dict[str, Any]], None], after: int = 0) -> list[Entry]:
        """Run the inverses above `after`, newest first, mark them as undone and return them.

        An inverse that raises does not keep the older ones from being run, because what it needs may be what they give
        back. Where that helped, all are run once more in order, so that none overwrites what an older one restored;
        inverses are idempotent. What still raises is raised, and stays pending with all that is older. A file that has lost
        what this process wrote is an EnvironmentFault, once everything is undone.
        """
        lost, entries = self._lost(self._records()), self.pending(after)
        failed = _run(entries, inverse)
        while failed and any(entry.number < max(failed) and entry.number not in failed for entry in entries):
            before, failed = failed, _run(entries, inverse)
            if len(failed) >= len(before):
                break
        done = [entry for entry in entries if entry.number > max(failed, default=0)]
        for entry in done:
            self._write({"undone": entry.number})
        numbers = {entry.number for entry in done}
        self._ours = [record for record in self._ours if record["n"] not in numbers]
        if failed:
            raise next(iter(failed.values()))
        if gone := [record["n"] for record in lost if record["n"] in numbers]:
            raise EnvironmentFault(
                f"{self.path} has lost records that were written ({', '.join(f'#{number}' for number in gone)}): "
                "they were undone from memory; somebody else writes this file"
            )
        return done

    def _lost(self, records: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Return what this process wrote and has not undone, and what the file holds no more."""
        return [record for record in self._ours if record not in records]

    def _size_now(self) -> int | None:
        try:
            return self.path.lstat().st_size
        except OSError:
            return None

    def _records(self) -> list[dict[str, Any]]:
        try:
            with os.fdopen(self._open(os.O_RDONLY), "rb") as file:
                whole = file.read().split(b"\n")[:-1]
        except FileNotFoundError:
            return []
        except OSError as error:
            raise EnvironmentFault(f"the undo log cannot be read: {error.strerror} ({self.path})") from None
        records = [_record(line) for line in whole]
        if None in records:
            raise EnvironmentFault(f"{self.path}:{records.index(None) + 1}: not a record of the undo log")
        return [record for record in records if record is not None]

    def _open(self, flags: int) -> int:
        descriptor = os.open(self.path, flags | os.O_NOFOLLOW | os.O_NONBLOCK, 0o600)
        status, folder = os.fstat(descriptor), self.path.parent.stat()
        owners = {folder.st_uid, os.geteuid(), 0}
        if stat.S_ISREG(status.st_mode) and status.st_uid in owners and not status.st_mode & 0o022:
            return descriptor
        os.close(descriptor)
        raise EnvironmentFault(f"{self.path}: an undo log is a plain file that its owner alone may write")

    def _write(self, record: dict[str, Any]) -> int:
        """Add a record and sync it; return the file's size then."""
        line = json.dumps(record).encode() + b"\n"
        try:
            existed = self.path.exists()
            with os.fdopen(self._open(os.O_RDWR | os.O_APPEND | os.O_CREAT), "r+b") as file:
                _drop_torn_line(file.fileno())
                _write_whole(file.fileno(), line)
                os.fsync(file.fileno())
                size = os.fstat(file.fileno()).st_size
            if not existed:
                folder = os.open(self.path.parent, os.O_RDONLY)
                os.fsync(folder)
                os.close(folder)
        except OSError as error:
            raise EnvironmentFault(f"the undo log cannot be written: {error.strerror} ({self.path})") from None
        return size


def _record(line: bytes) -> dict[str, Any] | None:
    """Return the record that a line holds; None for a line of another form."""
    try:
        record = json.loads(line)
    except ValueError:
        return None
    if not isinstance(record, dict):
        return None
    kinds = {name: type(value) for name, value in record.items()}
    return record if kinds in (_FIELDS, {"undone": int}) else None


def _run(entries: list[Entry], inverse: Callable[[str, dict[str, Any]], None]) -> dict[int, Exception]:
    """Run every inverse in order; return what those raised that could not be run, by their numbers."""
    failed: dict[int, Exception] = {}
    for entry in entries:
        try:
            inverse(entry.do, entry.args)
        except Exception as error:  # noqa: BLE001 - raised by replay, when the others have had their turn
            failed[entry.number] = error
    return failed


def _write_whole(descriptor: int, line: bytes) -> None:
    if os.write(descriptor, line) < len(line):  # a full disk may take a part, without an error
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _drop_torn_line(descriptor: int) -> None:
    size = os.fstat(descriptor).st_size
    if size and os.pread(descriptor, 1, size - 1) != b"\n":
        os.ftruncate(descriptor, os.pread(descriptor, size, 0).rfind(b"\n") + 1)
