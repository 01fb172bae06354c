"""Look for the instance's own secrets where none may be; the answer has names, places and counts, never a value.

Looked through are the logs, and the arguments and the environment of every process: what other people and programs get to
see. Files that a program needs its secrets in are no such place.
"""

import base64
import html
import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from system.platforms.local import reports
from system.platforms.local.instance import Instance

_SHORTEST = 8  # anything shorter is found by chance
Places = Iterable[tuple[str, str, bytes]]


@dataclass(frozen=True)
class Sought:
    """A secret's value or a caller's canary, by the name under which it is reported."""

    name: str
    value: bytes


def scan(instance: Instance, texts: dict[str, str], canaries: list[str]) -> dict[str, Any]:
    """Answer `scan`: look through the texts if there are any, else through the instance's own places."""
    secrets = [Sought(name, value) for name, text in _secret_texts(instance) for value in _values(text)]
    places = [("texts", name, text.encode()) for name, text in texts.items()] if texts else _own_places(instance)
    mine, theirs = _patterns(secrets), _patterns([Sought(each, each.encode()) for each in canaries])
    looked: dict[str, dict[str, int]] = {}
    found: dict[str, list[dict[str, Any]]] = {"found": [], "canaries": []}
    for kind, place, data in places:
        seen = looked.setdefault(kind, {"places": 0, "bytes": 0})
        seen["places"] += 1
        seen["bytes"] += len(data)
        for key, patterns in (("found", mine), ("canaries", theirs)):
            for pattern, (name, form) in patterns.items():
                if pattern in data:
                    times = data.count(pattern)
                    found[key].append({"kind": kind, "place": place, "name": name, "form": form, "times": times})
    return {"secrets": len({each.value for each in secrets}), "looked": looked, **found}


def forms(value: bytes) -> Iterator[tuple[str, bytes]]:
    """Give every way in which a value may have been written down, by name; the value itself comes first."""
    yield "as it is", value
    text = value.decode("utf-8", "replace")
    if text.encode() == value:
        yield "in JSON", json.dumps(text)[1:-1].encode()
        yield "in a URL", quote(text, safe="").encode()
        yield "in markup", html.escape(text).encode()
    yield "hexadecimal", value.hex().encode()
    yield "hexadecimal", value.hex().upper().encode()
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        # Inside of a longer text a value starts at any of three places of the code; characters at the seams are others'.
        for offset in range(3):
            whole = (offset + len(value)) * 8 // 6
            yield "base64", encode(bytes(offset) + value)[-(-offset * 8 // 6) : whole]


def _patterns(sought: Iterable[Sought]) -> dict[bytes, tuple[str, str]]:
    patterns: dict[bytes, tuple[str, str]] = {}
    for each in sought:
        for form, pattern in forms(each.value):
            if len(pattern) >= _SHORTEST:
                patterns.setdefault(pattern, (each.name, form))
    return patterns


def _secret_texts(instance: Instance) -> Iterator[tuple[str, str]]:
    """Give each secret's name and text; the identifier of an access key is known to many and is none."""
    for path in instance.secrets.files():
        if path.name != "access":
            yield path.relative_to(instance.layout.secrets).parts[0].removesuffix(".d"), path.read_text()
    for path in sorted(instance.layout.ca.glob("*.key")):
        yield f"key of {path.stem}", path.read_text()


def _values(text: str) -> Iterator[bytes]:
    """Give the secret values in a file: the lines of it, or the long texts in a JSON document, and what hexadecimal stands for."""
    found = _leaves(json.loads(text)) if text.startswith("{") else text.splitlines()
    for value in found:
        if len(value) >= 2 * _SHORTEST and "PRIVATE KEY" not in value:
            yield value.encode()
            if len(value) % 2 == 0 and not value.strip("0123456789abcdef"):
                yield bytes.fromhex(value)


def _leaves(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        for child in node.values():
            yield from _leaves(child)
    elif isinstance(node, str):
        yield node


def _own_places(instance: Instance) -> Places:
    for path in sorted(instance.layout.logs.iterdir()):
        yield "logs", path.name, path.read_bytes()
    for process in reports.processes(instance)["processes"]:
        for kind, file in (("arguments", "cmdline"), ("environment", "environ")):
            try:
                data = Path(f"/proc/{process['pid']}/{file}").read_bytes()
            except (FileNotFoundError, ProcessLookupError):
                continue  # it has ended since
            except PermissionError:
                if process["pid"] != os.getppid():
                    raise
                continue  # the guardian is outside of our user namespace; its environment is the one that it gave us
            yield kind, f"{process['part']} ({process['pid']})", data
