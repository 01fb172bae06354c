"""What can be said of the instance's secrets without saying any: how hard each is to guess, and which are the same."""

import hashlib
import hmac
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from zxcvbn import zxcvbn

from system.platforms.local.instance import Instance
from system.platforms.local.layout import PROJECT
from system.platforms.local.parts.services import SECRET_VARIABLES, Service

_LOOKED_AT = 200  # zxcvbn takes time that grows with the square of the length
_WORDS = re.compile(
    r"change.?me|passw[o0]rd|secret|default|example|placeholder|replace.?me|insecure|dummy.?key|letmein|qwerty",
    re.IGNORECASE,
)
_NO_SOURCE = ("node_modules", "__pycache__", "out")
_TEXT = (".py", ".md", ".toml", ".json", ".yaml", ".yml", ".sql", ".txt", ".example", ".env", ".cfg", ".ini")
_MOST_BYTES = 1 << 20


def report(instance: Instance, nonce: str) -> dict[str, Any]:
    """Answer `secrets`: each value by name, with a fingerprint that only compares with others of the same nonce."""
    texts = dict(_source())
    return {"secrets": [_judged(*each, nonce, texts) for each in _held(instance)]}


def _held(instance: Instance) -> Iterator[tuple[str, str, str]]:
    """Give name, purpose and value of every secret in a file, and of every one that a part was started with in its place."""
    for path in sorted(instance.layout.secrets.iterdir()):
        if path.is_file() and not path.name.startswith(".") and path.suffix != ".access":
            for key, value in _values(path.read_text()):
                yield path.name + key, path.name.removesuffix(".old").removesuffix(".new"), value
    for part in (keeper.part for keeper in instance.keepers.values()):
        for variable, value in part.settings.items() if isinstance(part, Service) else ():
            purpose = SECRET_VARIABLES.get(variable, "").format(service=part.service)
            if value is not None and purpose and not purpose.endswith(".access"):
                for key, one in _values(str(value)):
                    yield f"{part.name} {variable}{key}", purpose, one


def _judged(name: str, purpose: str, value: str, nonce: str, texts: dict[str, str]) -> dict[str, Any]:
    guesses = min((_guesses(each) for each in _readings(value)), default=0.0)
    return {
        "name": name,
        "purpose": purpose,
        "length": len(value),
        "guesses_log10": round(guesses, 1),
        "published": _published(value, texts),
        "fingerprint": hmac.new(nonce.encode(), value.encode(), hashlib.sha256).hexdigest()[:32],
    }


def _guesses(value: str) -> float:
    return float(zxcvbn(value[:_LOOKED_AT], max_length=_LOOKED_AT)["guesses_log10"])


def _published(value: str, texts: dict[str, str]) -> str:
    for each in _readings(value):
        if word := _WORDS.search(each):
            return f"holds the word {word[0].lower()!r}"
    return next((f"stands in {name}" for name, text in texts.items() if value in text), "")


def _readings(value: str) -> Iterator[str]:
    """Give the value, and what it says where it is hexadecimal for a text."""
    if value:
        yield value
        if len(value) % 2 == 0 and not value.strip("0123456789abcdef"):
            decoded = bytes.fromhex(value)
            if decoded.isascii() and decoded.decode().isprintable():
                yield decoded.decode()


def _values(text: str) -> Iterator[tuple[str, str]]:
    """Take a secret's text apart: the keys of a ring, or each line."""
    if text.startswith("{"):
        yield from ((f" {kid}", key) for kid, key in json.loads(text)["keys"].items())
    else:
        yield from (("", line) for line in text.splitlines() or [""])


def _source() -> Iterator[tuple[str, str]]:
    """Give the texts of the project's own source, where everybody can read a default or an example."""
    for folder, folders, names in os.walk(PROJECT):
        folders[:] = [each for each in folders if each not in _NO_SOURCE and not each.startswith(".")]
        for path in (Path(folder, name) for name in names):
            if path.suffix in _TEXT and path.stat().st_size <= _MOST_BYTES:
                yield str(path.relative_to(PROJECT)), path.read_text(errors="replace")
