"""What was deployed and rolled back: when, by which call, and how it ended; kept over `down` and `up`."""

import datetime as dt
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

_LAST = 200

Outcome = Literal["in force", "rolled back", "failed"]


@dataclass(frozen=True)
class Change:
    """One move of all services to a release.

    Attributes:
        release: where to.
        previous: where from; None at the start.
        by: the call: up, deploy or rollback.
        outcome: `rolled back` when the services are on `previous` again, `failed` when they could not go back either.
        reason: why it did not come into force; empty when it did.
        seconds: how long it took, the way back included.
    """

    release: str
    previous: str | None
    by: str
    outcome: Outcome
    reason: str
    seconds: float


class History:
    """The changes, in a file.

    Args:
        path: one JSON object a line, oldest first.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def add(self, change: Change) -> None:
        """Note a change that has just ended."""
        at = dt.datetime.now(dt.UTC).isoformat(timespec="milliseconds")
        with self._path.open("a") as file:
            file.write(json.dumps({"at": at, **asdict(change)}) + "\n")

    def newest_first(self) -> list[dict[str, Any]]:
        """Give the last changes."""
        lines = self._path.read_text().splitlines() if self._path.exists() else []
        return [json.loads(line) for line in reversed(lines[-_LAST:])]
