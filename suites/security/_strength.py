"""When a secret is one: what is known of its strength, and of others like it, against what it takes."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path

from seatrial.platform import Strength
from seatrial.secrecy.references import Reference

LEAST_LENGTH = 24
LEAST_GUESSES_LOG10 = 20.0
"""Of 24 random characters zxcvbn says 10^23 to 10^24, whatever their alphabet; of what people make up, hardly ever 10^20."""


def weak(each: Strength) -> list[str]:
    """Say what one value lacks."""
    problems = []
    if each.length < LEAST_LENGTH:
        problems.append(f"{each.length} characters, expected {LEAST_LENGTH} at least")
    if each.guesses_log10 < LEAST_GUESSES_LOG10:
        problems.append(f"guessed in 10^{each.guesses_log10:g} attempts, expected 10^{LEAST_GUESSES_LOG10:g} at least")
    if each.published:
        problems.append(each.published)
    return problems


def shared(strengths: Iterable[Strength]) -> list[str]:
    """Name the values that serve more than one purpose."""
    groups: dict[str, list[Strength]] = defaultdict(list)
    for each in strengths:
        groups[each.fingerprint].append(each)
    return [
        " = ".join(sorted(each.name for each in group))
        for group in groups.values()
        if len({each.purpose for each in group}) > 1
    ]


def also_elsewhere(own: Iterable[Reference], others: Mapping[str, Iterable[Reference]], folder: Path) -> list[str]:
    """Name the places that another profile of the folder names too; a variable has another value in each environment."""
    places = {_place(each, folder) for each in own if each.kind != "env"}
    return [
        f"{each} of {name}"
        for name, references in others.items()
        for each in references
        if each.kind != "env" and _place(each, folder) in places
    ]


def _place(reference: Reference, folder: Path) -> tuple[Path, str]:
    return (folder / reference.place).resolve(), reference.key
