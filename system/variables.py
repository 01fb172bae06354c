"""Say which variables a program reads, and what is wrong with those given: `python -m system.variables PROGRAM`.

Reads a JSON object of variables from its input and prints `{"read": [...], "problems": [...]}`. Nothing is connected to, so
that a deployment's files can be held against the program before anything is deployed.
"""

import argparse
import importlib
import json
import sys
from collections.abc import Mapping

from system.common.config import ConfigError, Reader, read_database

__all__ = ["PROGRAMS", "examine", "main"]

PROGRAMS = ("api", "edge", "frontend", "migrations", "worker")


class _Listening(dict[str, str]):
    """Variables that remember which of them were asked for, given or not."""

    def __init__(self, given: Mapping[str, str]) -> None:
        super().__init__(given)
        self.asked: set[str] = set()

    def get(self, key: str, default: str = "") -> str:  # type: ignore[override]  # every default here is a text
        self.asked.add(key)
        return super().get(key, default)


def examine(program: str, given: Mapping[str, str]) -> dict[str, list[str]]:
    """Let a program's own reader read the variables; `read` names all that it asks for."""
    variables = _Listening(given)
    problems: list[str] = []
    try:
        if program == "migrations":
            reader = Reader(variables)
            read_database(reader)
            reader.finish()
        else:  # the others' imports are most of the time that an answer takes
            importlib.import_module(f"system.{program}.settings").read_settings(variables)
    except ConfigError as error:
        problems = list(error.problems)
    return {"read": sorted(variables.asked), "problems": problems}


def main() -> int:
    """Exit 0 when the variables are usable, 1 when not; the answer is printed either way."""
    parser = argparse.ArgumentParser(prog="python -m system.variables", description="See what a program reads.")
    parser.add_argument("program", choices=PROGRAMS)
    answer = examine(parser.parse_args().program, json.load(sys.stdin))
    print(json.dumps(answer))
    return bool(answer["problems"])


if __name__ == "__main__":
    sys.exit(main())
