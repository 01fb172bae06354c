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


def digest(files: Iterable[Path]) -> str:
    """Return twelve digits of the content of files."""
    total = hashlib.sha256()
    for file in sorted(files):
        total.update(f"{file}\0{hashlib.sha256(file.read_bytes()).hexdigest()}\n".encode())
    return total.hexdigest()[:12]


class Journal:
    """The journal of one run.

    Args:
        bound: what its results depend on: tree, seed, sample.
    """

    def __init__(self, path: Path, bound: Mapping[str, Any]) -> None:
        self.path = path
        self._bound = dict(bound)

    def begin(self) -> None:
        """Start anew; raises UsageError where a run was interrupted that could go on."""
        before = self._read()
        if before and before[0] == self._bound and len(before) - 1 < self._bound["mutants"]:
            raise UsageError(f"{self.path} holds {len(before) - 1} mutants of this very run: --resume, or remove it")
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.write_text(json.dumps(self._bound) + "\n")

    def resume(self) -> list[Tried]:
        """Return what was tried; raises UsageError where there is nothing, or another run's."""
        before = self._read()
        if not before:
            raise UsageError(f"no {self.path} to go on with: leave out --resume")
        if other := sorted(name for name, value in self._bound.items() if before[0].get(name) != value):
            was = ", ".join(f"{name} was {before[0].get(name)}, is {self._bound[name]}" for name in other)
            raise UsageError(f"{self.path} is of another run: {was}")
        try:
            tried = [Tried.from_json(record) for record in before[1:]]
        except (KeyError, TypeError, ValueError) as error:
            raise UsageError(f"{self.path}: not a journal of mutants: {error}") from None
        self.path.write_text("".join(json.dumps(record) + "\n" for record in before))
        return tried

    def add(self, tried: Mapping[str, Any]) -> None:
        """Add one mutant's trial."""
        with self.path.open("a") as file:
            file.write(json.dumps(tried) + "\n")

    def _read(self) -> list[dict[str, Any]]:
        try:
            whole = self.path.read_text().split("\n")[:-1]
            return [json.loads(line) for line in whole]
        except FileNotFoundError:
            return []
        except ValueError as error:
            raise UsageError(f"{self.path}: {error}") from None
