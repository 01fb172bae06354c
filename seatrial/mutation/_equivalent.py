"""Mutants that behave as the source does, each with the reason: `equivalent.toml`, beside the faults, reviewed like code."""

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from seatrial.errors import UsageError
from seatrial.mutation._mutants import Mutant

NAME = "equivalent.toml"


@dataclass(frozen=True)
class Equivalent:
    """One mutant that no check can tell from the source; `line` is what stands there, for whoever reviews it."""

    mutant: str
    file: str
    line: str
    reason: str


def read(faults: Path, mutants: Mapping[str, Iterable[Mutant]]) -> dict[str, Equivalent]:
    """Read the list by mutant, none where there is no file.

    Raises UsageError for an entry that is malformed, without a reason, or fits none of the mutants of its file: the line
    has changed since, and whoever changes it has to look again. Entries of files that are not among the mutants' stay.
    """
    path = faults / NAME
    try:
        entries = [Equivalent(**each) for each in tomllib.loads(path.read_text()).get("equivalent", [])]
    except FileNotFoundError:
        return {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, TypeError) as error:
        raise UsageError(f"{path}: not a list of equivalent mutants: {error}") from None
    if odd := [value for each in entries for value in vars(each).values() if not isinstance(value, str)]:
        raise UsageError(f"{path}: not a list of equivalent mutants: {odd[0]!r} is no text")
    known = {mutant.id: mutant for each in mutants.values() for mutant in each}
    files = {mutant.file for mutant in known.values()}
    problems = []
    for entry in entries:
        mutant = known.get(entry.mutant)
        if not entry.reason.strip():
            problems.append(f"{entry.mutant} ({entry.file}) has no reason")
        if entry.file in files and (
            mutant is None or (mutant.file, mutant.changed.strip()) != (entry.file, entry.line)
        ):
            problems.append(f"{entry.mutant} is no mutant of {entry.line!r} in {entry.file}: the code has changed")
    if problems:
        raise UsageError(f"{path}:\n  " + "\n  ".join(problems))
    return {entry.mutant: entry for entry in entries}
