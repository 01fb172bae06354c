"""What RFC 9110 and RFC 9111 say of one answer: may a shared cache keep it, which parts of an object does it hold."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from email.message import Message

# RFC 9110, section 15.1: what a cache may keep without being told for how long.
HEURISTICALLY_CACHEABLE = frozenset({200, 203, 204, 206, 300, 301, 308, 404, 405, 410, 414, 501})
_CONTENT_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+)")
_EXPLICIT = frozenset({"public", "max-age", "s-maxage"})


@dataclass(frozen=True)
class Part:
    """Bytes from `first` to `last`, both included, of an object of `size` bytes."""

    first: int
    last: int
    size: int
    content: bytes


def directives(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the directives of Cache-Control in small letters, with their values."""
    listed = re.findall(r'([a-z0-9-]+)(?:\s*=\s*("[^"]*"|[^\s,]*))?', headers.get("cache-control", "").lower())
    return {name: value.strip('"') for name, value in listed}


def shared_cache_may_store(status: int, headers: Mapping[str, str]) -> bool:
    """Say whether RFC 9111, section 3, lets a cache that many people use keep this answer to a GET.

    The request had no Authorization field. `private` with field names forbids to store those fields alone, so that it
    does not count as a prohibition.
    """
    said = directives(headers)
    if "no-store" in said or said.get("private") == "":
        return False
    return bool(_EXPLICIT & said.keys()) or "expires" in headers or status in HEURISTICALLY_CACHEABLE


def content_range(text: str) -> tuple[int, int, int] | None:
    """Read a Content-Range of bytes with a known size; None for anything else."""
    found = _CONTENT_RANGE.fullmatch(text)
    return (int(found[1]), int(found[2]), int(found[3])) if found else None


def byteranges(content_type: str, body: bytes) -> list[Part] | None:
    """Take a multipart/byteranges body apart (RFC 9110, section 14.6); None when it is none."""
    message = Message()
    message["Content-Type"] = content_type
    boundary = message.get_param("boundary")
    if message.get_content_type() != "multipart/byteranges" or not isinstance(boundary, str):
        return None
    _, *rest = (b"\r\n" + body).split(b"\r\n--" + boundary.encode())
    if len(rest) < 2 or not rest[-1].startswith(b"--"):
        return None
    parts = [_part(each) for each in rest[:-1]]
    return None if None in parts else [each for each in parts if each]


def _part(text: bytes) -> Part | None:
    head, separator, content = text.partition(b"\r\n\r\n")
    fields = dict(re.findall(r"^([^:\r\n]+):[ \t]*(.*?)[ \t]*\r?$", head.decode("latin-1"), re.MULTILINE))
    placed = content_range({name.lower(): value for name, value in fields.items()}.get("content-range", ""))
    return Part(*placed, content) if separator and placed else None
