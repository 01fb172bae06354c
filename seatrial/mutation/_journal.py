"""What was tried so far, a line each, so that a run that was interrupted can go on: `mutants.jsonl`.

The first line says what the run is bound to. A torn last line is a mutant that is tried again.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from seatrial.errors import UsageError
from seatrial.mutation._tried import Tried

NAME = "mutants.jsonl"


def digest(places: Iterable[Path]) -> str:
    """Return twelve digits of the content of files, and of all files below folders."""
    below = {file for place in places for file in ([place] if place.is_file() else place.rglob("*")) if file.is_file()}
    total = hashlib.sha256()
    for file in sorted(file for file in below if "__pycache__" not in file.parts):
        total.update(f"{file}\0{hashlib.sha256(file.read_bytes()).hexdigest()}\n".encode())
    return total.hexdigest()[:12]


class Journal:
    """The journal of one run.

    Args:
        bound: what its results depend on; `tree` and `mutants`, how many there are to try, among it.
    """

    def __init__(self, path: Path, bound: Mapping[str, Any]) -> None:
        self.path = path
        self._bound = dict(bound)

    def before(self, *, resume: bool) -> list[Tried]:
        """Return what was tried when the run was interrupted, nothing for a new one; writes nothing.

        Raises UsageError where there is nothing to go on with, or another run's, and where a new run would throw away one of
        this tree that is not finished.
        """
        header, *records = self._read() or [{}]
        finished = bool(records) and "finished" in records[-1]
        if not resume:
            if records and not finished and header.get("tree") == self._bound["tree"]:
                raise UsageError(
                    f"{self.path} holds {len(records)} of {header.get('mutants')} mutants of a run by seed {header.get('seed')}: "
                    "go on with that by --resume, or remove it"
                )
            return []
        if not header:
            raise UsageError(f"no {self.path} to go on with: leave out --resume")
        if other := sorted(name for name, value in self._bound.items() if header.get(name) != value):
            was = ", ".join(f"{name} was {header.get(name)}, is {self._bound[name]}" for name in other)
            raise UsageError(f"{self.path} is of another run: {was}")
        try:
            return [Tried.from_json(record) for record in records if "finished" not in record]
        except (KeyError, TypeError, ValueError) as error:
            raise UsageError(f"{self.path}: not a journal of mutants: {error}") from None

    def begin(self, tried: Iterable[Tried]) -> None:
        """Write down what the run is bound to, and what was tried before."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        records = [self._bound, *(each.to_json() for each in tried)]
        self.path.write_text("".join(json.dumps(record) + "\n" for record in records))

    def add(self, record: Mapping[str, Any]) -> None:
        """Add one mutant's trial."""
        with self.path.open("a") as file:
            file.write(json.dumps(record) + "\n")

    def finish(self) -> None:
        """Say that nothing is left to try."""
        self.add({"finished": True})

    def _read(self) -> list[dict[str, Any]]:
        try:
            whole = self.path.read_text().split("\n")[:-1]
            return [dict(json.loads(line)) for line in whole]
        except FileNotFoundError:
            return []
        except (ValueError, TypeError) as error:
            raise UsageError(f"{self.path}: {error}") from None
