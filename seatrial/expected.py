"""The committed list of what must run: `expected.toml` at the root of a folder of suites.

A check that vanished, was renamed or whose suite was dropped is missing from a run only if somebody remembers it. This file
does; it is written by `seatrial checks --write-expected` and reviewed like code.
"""

import tomllib
from collections.abc import Container
from dataclasses import dataclass
from pathlib import Path

from seatrial.errors import UsageError
from seatrial.outcome import Level, Severity

NAME = "expected.toml"


@dataclass(frozen=True)
class Row:
    """One check as it was reviewed; `file` is relative to the suites' root, `drill` that it comes with a plan."""

    id: str
    file: str
    test: str
    severity: Severity
    level: Level
    alone: bool
    drill: bool = False

    @property
    def suite(self) -> str:
        """The folder the check stands in."""
        return Path(self.file).parent.name

    @property
    def required(self) -> bool:
        """Blockers and majors must pass; a minor check is reported only."""
        return self.severity is not Severity.MINOR


@dataclass(frozen=True)
class Scope:
    """The part of the list that a run is about: `label` for people, `rows` for the verdict."""

    label: str
    rows: tuple[Row, ...]


def read(root: Path) -> list[Row]:
    """Read the list of a folder of suites; raises UsageError where it is missing or malformed."""
    path = root / NAME
    try:
        data = tomllib.loads(path.read_text())
        return [
            Row(
                name,
                _text(row["file"]),
                _text(row["test"]),
                Severity(row["severity"]),
                Level.parse(row["level"]),
                bool(row.get("alone", False)),
                bool(row.get("drill", False)),
            )
            for name, row in data.items()
        ]
    except FileNotFoundError:
        raise UsageError(f"{path} is missing: write it with seatrial checks --suites {root} --write-expected") from None
    except (tomllib.TOMLDecodeError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise UsageError(f"{path}: not a list of expected checks: {error}") from None


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no text")
    return value


def write(root: Path, rows: list[Row]) -> Path:
    """Write the list, sorted by file and id, and return its path."""
    lines = [
        "# Written by `seatrial checks --write-expected`; a check that stands here must run. Review changes like code."
    ]
    for row in sorted(rows, key=lambda row: (row.file, row.id)):
        marks = "".join(f", {mark} = true" for mark in ("alone", "drill") if getattr(row, mark))
        lines.append(
            f'{row.id} = {{ file = "{row.file}", test = "{row.test}", severity = "{row.severity}", level = "{row.level}"{marks} }}'
        )
    path = root / NAME
    path.write_text("\n".join(lines) + "\n")
    return path


def root_of(path: Path) -> Path:
    """Return the nearest folder at or above `path` that holds an expected.toml; raises UsageError if there is none."""
    start = path.resolve()
    for folder in (start, *start.parents):
        if (folder / NAME).is_file():
            return folder
    raise UsageError(f"no {NAME} at or above {path}: write it with seatrial checks --suites DIR --write-expected")


def select(rows: list[Row], wanted: list[str]) -> Scope:
    """Return the scope for suite names and check ids; raises UsageError for an unknown one."""
    if not wanted:
        return Scope("all", tuple(rows))
    known = {row.suite for row in rows} | {row.id for row in rows}
    if unknown := [name for name in wanted if name not in known]:
        raise UsageError(
            f"no suite or check named {unknown[0]!r}; suites: {', '.join(sorted({row.suite for row in rows}))}"
        )
    return Scope(" ".join(wanted), tuple(row for row in rows if row.suite in wanted or row.id in wanted))


def required(scope: Scope, level: Level, not_applicable: Container[str]) -> list[str]:
    """Return the ids that must pass: all of the scope up to a level, but for minor ones and those that the environment does not need."""
    return [row.id for row in scope.rows if row.required and row.level <= level and row.id not in not_applicable]


def select_paths(arguments: list[str]) -> Scope:
    """Return the scope for pytest's path arguments: folders, files and `file::test`."""
    chosen: dict[str, Row] = {}
    for argument in arguments:
        path_text, _, test = argument.partition("::")
        path = Path(path_text).resolve()
        root = _root_at(path)
        for row in read(root):
            place = root / row.file
            if (place == path or place.is_relative_to(path)) and test in {"", row.test}:
                chosen[row.id] = row
    label = " ".join(_shown(argument) for argument in arguments)
    return Scope("all" if label == "suites" else label, tuple(chosen.values()))


def roots_of_paths(arguments: list[str]) -> set[Path]:
    """Return the folders of suites that pytest's path arguments are about; raises UsageError for one that is about none."""
    return {_root_at(Path(argument.partition("::")[0]).resolve()) for argument in arguments}


def _root_at(path: Path) -> Path:
    below = path if path.is_dir() else path.parent
    return next((folder for folder in (below, *below.rglob("*")) if (folder / NAME).is_file()), None) or root_of(below)


def _shown(argument: str) -> str:
    path = Path(argument.partition("::")[0])
    try:
        return argument.replace(str(path), str(path.resolve().relative_to(Path.cwd())), 1).rstrip("/")
    except ValueError:
        return argument.rstrip("/")
