"""Keep secret values out of everything that is written or printed."""

import base64
import contextlib
import html
import json
import re
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import quote, quote_plus

MARK = "[redacted]"
SHORTEST = 6
"""Values with fewer characters are not registered: they would blot out ordinary words."""
SHORTEST_INSIDE = 16
"""Values inside of a document with fewer characters are its names and numbers."""


class Redactor:
    """Know secret values and replace them, and their common encodings, in text and in nested JSON."""

    def __init__(self, values: Iterable[str] = ()) -> None:
        self._forms: set[str] = set()
        for value in values:
            self.register(value)

    def register(self, value: str) -> None:
        """Remember a secret, and those inside of a document; one with less than `SHORTEST` characters is left alone."""
        for form in {value, value.strip(), *values(value)}:
            if len(form) >= SHORTEST:
                self._forms |= forms(form)

    def text(self, text: str) -> str:
        """Return the text with every form of every secret replaced by `MARK`."""
        # A search for each form is quicker by far than one pattern of all, and most texts have none.
        present = [form for form in self._forms if form in text]
        if not present:
            return text
        # The longest form first: an alternation takes the first branch that fits, not the longest.
        return re.sub("|".join(map(re.escape, sorted(present, key=len, reverse=True))), MARK, text)

    def clean(self, value: Any) -> Any:
        """Return the same JSON value with every string in it, keys included, passed through `text`."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {self.clean(key): self.clean(item) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return type(value)(self.clean(item) for item in value)
        return value


def values(text: str) -> Iterator[str]:
    """Return the secrets in a text: the long values of a JSON document, such as a ring of keys, else the text itself."""
    document = None
    if text.lstrip().startswith("{"):
        with contextlib.suppress(ValueError):
            document = json.loads(text)
    if document is None:
        yield text
    else:
        yield from (value for value in _texts(document) if len(value) >= SHORTEST_INSIDE)


def _texts(node: Any) -> Iterator[str]:
    if isinstance(node, str):
        yield node
    elif isinstance(node, (dict, list)):
        for child in node.values() if isinstance(node, dict) else node:
            yield from _texts(child)


def forms(value: str) -> set[str]:
    """Return the value as it is, and as JSON, markup, URLs, hexadecimal and base64 write it or the bytes that it stands for."""
    found = _encodings(value)
    if len(value) >= SHORTEST_INSIDE and re.fullmatch("(?:[0-9a-fA-F]{2})+", value):
        found |= _base64(bytes.fromhex(value))
    return found


def _encodings(value: str) -> set[str]:
    raw = value.encode("utf-8", "surrogatepass")
    quoted = {quote(raw, safe=""), quote(raw), quote_plus(raw)}
    escaped = {value, json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1]}
    return {
        *escaped,
        *(form for text in escaped for form in _markup(text)),
        *quoted,
        *(re.sub("%[0-9A-F]{2}", lambda match: match[0].lower(), form) for form in quoted),
        raw.hex(),
        raw.hex().upper(),
        *_base64(raw),
    }


def _markup(text: str) -> set[str]:
    """Return the text as html.escape, markupsafe and ElementTree (in content, in attributes) write it."""
    content = html.escape(text, quote=False)
    attribute = content.replace('"', "&quot;")
    return {
        html.escape(text),
        content.replace('"', "&#34;").replace("'", "&#39;"),
        content,
        attribute,
        attribute.replace("\r", "&#13;").replace("\n", "&#10;").replace("\t", "&#09;"),
    }


def _base64(raw: bytes) -> set[str]:
    """Return the value in base64 and base64url, alone and inside of a longer value ("user:password").

    Inside, only the characters that depend on nothing but the secret are known: those at the seams are left out.
    """
    forms = set()
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        alone = encode(raw).decode()
        forms |= {alone, alone.rstrip("=")}
        for offset in range(3):
            whole = (offset + len(raw)) * 8 // 6
            forms.add(encode(bytes(offset) + raw).decode()[-(-offset * 8 // 6) : whole])
    return forms
