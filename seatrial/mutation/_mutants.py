"""Mutants: copies of a source that differ from it in one place."""

import ast
import difflib
import hashlib
import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from seatrial.errors import UsageError
from seatrial.mutation._operators import Text, edits
from seatrial.mutation._plan import Plan, Service
from seatrial.platform_answers import Patch

_CONTEXT = 2


@dataclass(frozen=True)
class Mutant:
    """One change of one file.

    Attributes:
        id: twelve digits of what the change is and where; other changes of the file leave it as it is.
        file: path below the tree.
        line: number of the line where the change begins, from 1.
        before, after: the whole source.
    """

    id: str
    service: str
    file: str
    line: int
    operator: str
    before: str
    after: str

    @property
    def place(self) -> str:
        """File and line, as an editor takes them."""
        return f"{self.file}:{self.line}"

    @property
    def diff(self) -> str:
        """The change as a unified diff."""
        old, new = self.before.splitlines(), self.after.splitlines()
        return "\n".join(difflib.unified_diff(old, new, self.file, self.file, lineterm="", n=_CONTEXT))

    @property
    def changed(self) -> str:
        """The lines that are changed, as they stand in the source."""
        lines = self.before.splitlines(keepends=True)
        start, stop, _ = _changed(lines, self.after.splitlines(keepends=True))
        return "".join(lines[start:stop])

    def patch(self) -> list[Patch]:
        """Return the edit that makes the mutant: as many lines around the change as it takes to occur only once."""
        old, new = self.before.splitlines(keepends=True), self.after.splitlines(keepends=True)
        start, stop, more = _changed(old, new)
        while self.before.count(find := "".join(old[start:stop])) != 1 or not find.strip():
            start, stop = max(0, start - 1), min(len(old), stop + 1)
        return [{"file": self.file, "find": find, "replace": "".join(new[start : stop + more])}]

    def is_sound(self) -> bool:
        """Tell whether it is a program, and another one than the source: what differs in layout alone does not count."""
        try:
            return ast.dump(ast.parse(self.after)) != ast.dump(ast.parse(self.before))
        except SyntaxError:
            return False


def of_services(plan: Plan, tree: Path, services: Iterable[Service]) -> dict[str, list[Mutant]]:
    """Return every mutant of the services, by service; raises UsageError for a service without any."""
    found = {}
    for service in services:
        found[service.name] = [
            mutant for file in plan.files(tree, service) for mutant in of_file(plan, tree, service.name, file)
        ]
        if not found[service.name]:
            raise UsageError(f"{plan.path}: {service.name}: nothing in its files can be changed")
    return found


def of_file(plan: Plan, tree: Path, service: str, file: str) -> list[Mutant]:
    """Return every mutant of a file, in its order."""
    source = (tree / file).read_bytes()
    text, before = Text(source, plan.spared), source.decode()
    old = before.splitlines(keepends=True)
    twins: Counter[str] = Counter()
    mutants = []
    for edit in edits(source, plan.spared):
        after = edit.apply(source).decode()
        new = after.splitlines(keepends=True)
        start, stop, more = _changed(old, new)
        change = json.dumps([file, old[start:stop], new[start : stop + more]])
        number = hashlib.sha256(f"{change}{twins[change]}".encode()).hexdigest()[:12]
        twins[change] += 1
        mutants.append(Mutant(number, service, file, text.line(edit.start), edit.operator, before, after))
    return mutants


def _changed(old: list[str], new: list[str]) -> tuple[int, int, int]:
    """Return the first changed line of `old`, the first one after the change, and how many lines `new` has more."""
    shorter = min(len(old), len(new))
    start = next((n for n in range(shorter) if old[n] != new[n]), shorter)
    same = next((n for n in range(shorter - start) if old[-1 - n] != new[-1 - n]), shorter - start)
    return start, len(old) - same, len(new) - len(old)
