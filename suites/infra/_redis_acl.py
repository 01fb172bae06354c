"""Redis ACLs by what they allow: the same rules are spelled differently by every version of Redis and Valkey."""

import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

DECLARED = Path(__file__).with_name("redis_acl.toml")
_RULE = re.compile(r"\([^)]*\)|\S+")

Commands = Mapping[str, frozenset[str]]
"""Command or "container|subcommand" -> its ACL categories, without the at sign."""


@dataclass(frozen=True)
class User:
    """One user as the server lists it.

    Attributes:
        passwords: how many it has.
        commands: the rules in order, "+@read", "-keys", "+config|get".
        selectors: further rule sets in parentheses, as text.
    """

    name: str
    on: bool
    nopass: bool = False
    passwords: int = 0
    keys: frozenset[str] = frozenset()
    channels: frozenset[str] = frozenset()
    commands: tuple[str, ...] = ()
    selectors: tuple[str, ...] = ()


@dataclass(frozen=True)
class Declared:
    """What a user may do by the committed declaration."""

    keys: frozenset[str]
    channels: frozenset[str]
    commands: tuple[str, ...]


@dataclass
class _Parsed:
    on: bool = False
    nopass: bool = False
    passwords: int = 0
    keys: set[str] = field(default_factory=set)
    channels: set[str] = field(default_factory=set)
    commands: list[str] = field(default_factory=list)
    selectors: list[str] = field(default_factory=list)


def parse(line: str) -> User:
    """Read one line of ACL LIST, "user api on #<hash> ~jobs:* resetchannels -@all +@read"."""
    _, name, *rules = _RULE.findall(line)
    seen = _Parsed()
    for rule in rules:
        _take(seen, rule)
    return User(
        name,
        seen.on,
        seen.nopass,
        seen.passwords,
        frozenset(seen.keys),
        frozenset(seen.channels),
        tuple(seen.commands),
        tuple(seen.selectors),
    )


def _take(seen: _Parsed, rule: str) -> None:
    if rule in {"on", "off"}:
        seen.on = rule == "on"
    elif rule == "nopass":
        seen.nopass = True
    elif rule.startswith("#"):
        seen.passwords += 1
    elif rule.startswith("~"):
        seen.keys.add(rule[1:])
    elif rule.startswith("%"):
        seen.keys.add(rule)
    elif rule.startswith("&"):
        seen.channels.add(rule[1:])
    elif rule[0] in "+-":
        seen.commands.append(rule)
    elif rule.startswith("("):
        seen.selectors.append(rule)


def declared(path: Path = DECLARED, *, replicated: bool = True) -> dict[str, Declared]:
    """Read the committed declaration: user -> what it may do; without those of replication where there is none."""
    return {
        name: Declared(frozenset(row["keys"]), frozenset(row["channels"]), tuple(row["commands"].split()))
        for name, row in tomllib.loads(path.read_text()).items()
        if replicated or not row.get("replicated", False)
    }


def command_table(reply: Iterable[Sequence[Any]]) -> dict[str, frozenset[str]]:
    """Read the reply of COMMAND INFO (RESP2): each command and subcommand with its categories."""
    table: dict[str, frozenset[str]] = {}
    for row in reply:
        table[str(row[0]).lower()] = frozenset(str(category).lstrip("@") for category in row[6])
        if len(row) > 9:
            table |= command_table(row[9])
    return table


def allowed(rules: Iterable[str], commands: Commands) -> frozenset[str]:
    """Return the commands that rules allow, applied in order as the server does.

    A rule for a category or a container reaches its subcommands; a container all of whose subcommands are what counts
    stands for itself no more than they do. A command that this server does not have allows nothing.
    """
    granted: set[str] = set()
    for rule in rules:
        sign, name = rule[0], rule[1:].lower()
        if name.startswith("@"):
            wanted = {command for command, categories in commands.items() if name == "@all" or name[1:] in categories}
        else:
            wanted = {command for command in commands if command == name or command.startswith(f"{name}|")}
        granted = granted | wanted if sign == "+" else granted - wanted
    containers = {command.split("|")[0] for command in commands if "|" in command}
    return frozenset(granted - containers)
