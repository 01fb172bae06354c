"""Read what a Sentry SDK sends: https://develop.sentry.dev/sdk/data-model/envelopes/."""

import json
import zlib
from typing import Any

_GZIP = 16 + zlib.MAX_WBITS


def events(body: bytes, encoding: str, largest_bytes: int) -> list[dict[str, Any]]:
    """Give the events of an envelope, and nothing else that is in it; raises ValueError for what is none, or too large."""
    if encoding == "gzip":
        unpacking = zlib.decompressobj(_GZIP)
        try:
            body = unpacking.decompress(body, largest_bytes)
        except zlib.error as error:
            raise ValueError(f"no gzip: {error}") from None
        if not unpacking.eof:
            raise ValueError(f"more than {largest_bytes} bytes, or cut short")
    elif encoding:
        raise ValueError(f"an encoding that nobody reads: {encoding}")
    head, rest = _line(body)
    json.loads(head)
    found = []
    while rest:
        head, rest = _line(rest)
        if not head:
            continue
        item = json.loads(head)
        if "length" in item:
            payload, rest = rest[: item["length"]], rest[item["length"] :]
            if len(payload) < item["length"]:
                raise ValueError("an item that is cut short")
        else:
            payload, rest = _line(rest)
        if item["type"] == "event":
            found.append(json.loads(payload))
    return found


def _line(text: bytes) -> tuple[bytes, bytes]:
    line, _, rest = text.partition(b"\n")
    return line, rest
