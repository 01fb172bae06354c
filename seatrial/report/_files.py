"""Put report files on disk: whole or not at all, valid in their format, and without secrets."""

import json
import math
import re
import shutil
from pathlib import Path
from typing import Any

from seatrial.secrecy.redaction import Redactor

# What XML 1.0 forbids; a terminal and a browser have no use for these characters either.
_UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def printable(text: str) -> str:
    """Return the text with every control character and lone surrogate spelled out as an escape."""
    return _UNPRINTABLE.sub(lambda match: match[0].encode("unicode_escape").decode(), text)


def plain(value: Any) -> Any:
    """Return the value as strict JSON knows it: NaN, infinity and foreign types become text."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value if value is None or isinstance(value, (str, int, float)) else str(value)


def json_text(value: Any) -> str:
    """Return the value as indented JSON with a final newline."""
    return json.dumps(plain(value), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


class Folder:
    """A folder that takes text files and redacts each one as it is written."""

    def __init__(self, path: Path, redactor: Redactor) -> None:
        self.path, self._redactor = path, redactor

    def put(self, name: str, text: str) -> Path:
        """Write one file below the folder and return its path; a reader never sees half of it."""
        target = self.path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        draft = target.with_name(f".{target.name}.partial")
        # A lone surrogate cannot be UTF-8; backslashreplace spells it as \udcNN, which JSON reads back as the same.
        draft.write_text(self._redactor.text(text), encoding="utf-8", errors="backslashreplace", newline="\n")
        return draft.replace(target)

    def copy(self, name: str, source: Path) -> None:
        """Copy a file that is no text, such as a picture, as it is."""
        target = self.path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)

    def put_json(self, name: str, value: Any) -> Path:
        """Write one value as JSON and return its path."""
        return self.put(name, json_text(value))
