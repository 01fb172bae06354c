"""What a scratch server is filled with, so that a lock or a plan shows what it costs on tables as large as real ones."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from seatrial import Invalid
from suites.migrations._rows import sections

VOLUME = Path(__file__).with_name("volume.sql")


def counts(target: Sequence[str]) -> dict[str, int]:
    """Read the profile's "table rows" lines; raises Invalid for another."""
    pairs = [line.split() for line in target]
    if wrong := [line for line, pair in zip(target, pairs, strict=True) if len(pair) != 2 or not pair[1].isdecimal()]:
        raise Invalid(f"expected a table and how many rows it gets, got {', '.join(map(repr, wrong))}")
    return {table: int(rows) for table, rows in pairs}


def filling(rows: Mapping[str, int], revision: str | None = None) -> str:
    """Return the statements that fill the tables which this revision makes, or all of them; "" if it makes none."""
    first, by_revision = sections(VOLUME)
    parts = by_revision.values() if revision is None else filter(None, [by_revision.get(revision)])
    if not (body := "".join(parts)):
        return ""
    settings = "".join(f"set trial.{table} = {count};\n" for table, count in rows.items())
    return f"{settings}{first}{body}analyze;\n"
