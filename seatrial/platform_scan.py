"""A search for secrets in texts of any length: cut into what one call of a platform takes, and added up."""

from collections.abc import Iterator, Mapping
from typing import Any

from seatrial.platform_answers import Scan, Sighting, shaped

__all__ = ["added", "batches", "scan_of"]

# A control server takes a body of a megabyte, and a character may be six in JSON. No secret is longer than the overlap.
PIECE, OVERLAP = 150_000, 4096


def batches(texts: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """Cut texts into bodies that a platform takes; a piece keeps the name, with its number where there are several."""
    batch: dict[str, str] = {}
    for name, text in texts.items():
        for number, start in enumerate(range(0, max(len(text), 1), PIECE - OVERLAP)):
            if sum(map(len, batch.values())) + min(len(text) - start, PIECE) > PIECE:
                yield batch
                batch = {}
            batch[f"{name} ({number + 1})" if number else name] = text[start : start + PIECE]
    yield batch


def scan_of(data: Mapping[str, Any]) -> Scan:
    """Return the answer of one call, typed."""
    return shaped(
        "scan",
        lambda: Scan(
            data["secrets"],
            {kind: dict(seen) for kind, seen in data["looked"].items()},
            tuple(Sighting(**each) for each in data["found"]),
            tuple(Sighting(**each) for each in data["canaries"]),
        ),
    )


def added(one: Scan, other: Scan) -> Scan:
    """Return what two calls found together."""
    looked = {
        kind: {
            what: one.looked.get(kind, {}).get(what, 0) + other.looked.get(kind, {}).get(what, 0)
            for what in ("places", "bytes")
        }
        for kind in {*one.looked, *other.looked}
    }
    return Scan(min(one.secrets, other.secrets), looked, one.found + other.found, one.canaries + other.canaries)
