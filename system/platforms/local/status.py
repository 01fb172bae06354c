"""`status`: what runs here."""

import json
from collections.abc import Sequence
from typing import Any

from system.platforms.local.control_client import call
from system.platforms.local.layout import Layout


def status(layout: Layout, *, as_json: bool) -> int:
    """Print the state of every part; 0 when all are ready, 1 when not."""
    answer = call(layout.control_socket, "GET", "/v1/status")
    if answer is None:
        print(json.dumps({"ready": False, "parts": []}) if as_json else f"down ({layout.state})")
        return 1
    print(json.dumps(answer, indent=2) if as_json else "\n".join(_lines(answer)))
    return 0 if answer["ready"] else 1


def _lines(answer: dict[str, Any]) -> list[str]:
    rows = [("part", "state", "address", "pid", "release", "restarts")]
    for part in answer["parts"]:
        address = f"{part['address']}:{part['port']}"
        rows.append(
            (part["name"], part["state"], address, part["pid"] or "-", part["release"] or "-", part["restarts"])
        )
    state = "ready" if answer["ready"] else "not ready"
    return [*table(rows), f"{state}, release {answer['release']}, public address {answer['public_address']}"]


def table(rows: Sequence[Sequence[object]]) -> list[str]:
    """Set rows out in columns, the first row being their heads."""
    widths = [max(len(str(cell)) for cell in column) for column in zip(*rows, strict=True)]
    return ["  ".join(str(cell).ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
