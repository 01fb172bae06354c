"""Say what is wrong with a TOML file, each problem with the line it stands on and, where a key was mistyped, what was meant."""

import difflib
import re
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError


def problems(path: Path, text: str, error: ValidationError, model: type[BaseModel]) -> list[str]:
    """Return a line per problem, in the order of the file.

    Args:
        text: the file's.
        error: what the model says of it.
    """
    lines = _line_numbers(text)
    return sorted({_describe(path, lines, problem, model) for problem in error.errors()}, key=_line_of)


def _line_numbers(text: str) -> dict[tuple[str, ...], int]:
    """Map each dotted key of the TOML text to the line it stands on; array tables count from 0."""
    lines: dict[tuple[str, ...], int] = {}
    table: tuple[str, ...] = ()
    counts: dict[str, int] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if header := re.match(r"^\s*\[\[\s*([^\]]+?)\s*\]\]", line):
            index = counts.get(header[1], -1) + 1
            counts[header[1]] = index
            table = (*_dotted(header[1]), str(index))
            lines[table] = number
        elif header := re.match(r"^\s*\[\s*([^\]]+?)\s*\]", line):
            table = _dotted(header[1])
            lines[table] = number
        elif key := re.match(r"""^\s*((?:[\w-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[\w-]+|"[^"]*"))*)\s*=""", line):
            lines[(*table, *_dotted(key[1]))] = number
    return lines


def _dotted(text: str) -> tuple[str, ...]:
    return tuple(part.strip("\"'") for part in re.findall(r"""[\w-]+|"[^"]*"|'[^']*'""", text))


def _describe(path: Path, lines: dict[tuple[str, ...], int], problem: Any, model: type[BaseModel]) -> str:
    place = tuple(str(part) for part in problem["loc"] if part != "[key]")
    line = next((lines[place[:end]] for end in range(len(place), 0, -1) if place[:end] in lines), 1)
    name = ".".join(place) or "profile"
    message = problem["msg"].removeprefix("Value error, ")
    if problem["type"] == "extra_forbidden":
        close = difflib.get_close_matches(place[-1], _known_keys(place[:-1], model), n=1)
        message = "unknown key" + (f"; did you mean {close[0]!r}?" if close else "")
    elif problem["type"] == "missing":
        message = "is missing"
    return f"{path}:{line}: {name}: {message}"


def _known_keys(place: tuple[str, ...], model: type[BaseModel]) -> list[str]:
    for part in place:
        if part not in model.model_fields:
            continue
        candidates = [
            part_type for part_type in _types(model.model_fields[part].annotation) if issubclass(part_type, BaseModel)
        ]
        if candidates:
            model = candidates[0]
    return [name for name in model.model_fields if name != "path"]


def _types(annotation: Any) -> list[type]:
    return (
        [annotation]
        if isinstance(annotation, type)
        else [found for part in get_args(annotation) for found in _types(part)]
    )


def _line_of(problem: str) -> int:
    return int(problem.split(":")[1]) if problem.split(":")[1].isdigit() else 0
