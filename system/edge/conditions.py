"""Decide what a conditional or ranged request gets, by RFC 9110 sections 13 and 14; no input or output here."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from system.common.tags import tag_matches

__all__ = ["Full", "NotModified", "Part", "PreconditionFailed", "Selection", "Unsatisfiable", "select"]

_ONE_RANGE = re.compile(r"bytes=[ \t]*([0-9]{0,18})-([0-9]{0,18})[ \t]*", re.ASCII | re.IGNORECASE)


@dataclass(frozen=True)
class Full:
    """Send everything (200)."""


@dataclass(frozen=True)
class Part:
    """Send the bytes from `start` up to, not including, `stop` (206)."""

    start: int
    stop: int


@dataclass(frozen=True)
class NotModified:
    """The caller has it already (304)."""


@dataclass(frozen=True)
class PreconditionFailed:
    """The caller asked for another version (412)."""


@dataclass(frozen=True)
class Unsatisfiable:
    """The range lies beyond the end (416)."""


Selection = Full | Part | NotModified | PreconditionFailed | Unsatisfiable


def select(method: str, headers: Mapping[str, str], *, etag: str, size: int) -> Selection:
    """Choose the answer for GET or HEAD of a representation of `size` bytes with the strong, quoted `etag`.

    Several ranges in one request get the whole (section 14.2 allows to ignore Range, and no player asks for them);
    so do malformed ranges, other units, an If-Range that does not match, and HEAD, which has no ranges.
    """
    if (wanted := headers.get("if-match")) is not None and not tag_matches(wanted, etag, weak=False):
        return PreconditionFailed()
    if (known := headers.get("if-none-match")) is not None and tag_matches(known, etag, weak=True):
        return NotModified()
    asked = headers.get("range")
    if asked is None or method != "GET" or headers.get("if-range", etag) != etag:
        return Full()
    match = _ONE_RANGE.fullmatch(asked)
    return _satisfy(match[1], match[2], size) if match else Full()


def _satisfy(first: str, last: str, size: int) -> Selection:
    if not first:
        if not last:
            return Full()
        length = min(int(last), size)
        return Part(size - length, size) if length else Unsatisfiable()
    start, stop = int(first), min(int(last) + 1, size) if last else size
    if last and int(last) < start:
        return Full()
    return Part(start, stop) if start < size else Unsatisfiable()
