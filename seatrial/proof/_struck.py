"""Which part a strike has touched: what a diagnosis is to name, and so not taken from the check that saw it."""

import re
from collections.abc import Iterable

from seatrial.registry import Fault
from seatrial.undo import Entry

_NUMBER = re.compile(r"-\d+$")
_NAMED_BY = ("part", "service", "standby", "secret", "bucket")
# What a strike without a part of its own reaches, by the first word of its inverse.
_FACETS = {"pg": "postgres", "redis": "redis", "s3": "s3", "cloud": "cloud"}


def parts_struck(fault: Fault, entries: Iterable[Entry]) -> tuple[str, ...]:
    """Return the parts, sorted: those that the undo log names, and the folders of the files that a release or a tree has patched.

    An instance is told by its service ("api-2" is "api"); where neither says anything it is the platform's own doing.
    """
    parts = {part for entry in entries if (part := _part(entry))}
    for name in ("patch", "edits", "services"):
        edits = getattr(fault.strike, name, ())
        if isinstance(edits, tuple | list):
            parts |= {_folder(edit["file"]) if isinstance(edit, dict) else str(edit) for edit in edits}
    return tuple(sorted(parts or {"platform"}))


def _part(entry: Entry) -> str:
    facet = entry.do.partition(".")[0]
    if facet in _FACETS:
        return _FACETS[facet]
    named = next((str(entry.args[key]) for key in _NAMED_BY if entry.args.get(key)), "")
    return _NUMBER.sub("", named)


def _folder(file: str) -> str:
    first, *rest = file.split("/")
    return rest[0] if len(rest) > 1 else first
