"""A file of two parts, and calls that are repeated under one key."""

import os
import struct
import uuid
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from seatrial import Failure, eventually
from seatrial.probes.http import HttpAnswer
from suites.client import Session, Upload, small_clip

PART_BYTES = 8 << 20
TWINS = 4
SETTLED_WITHIN_S = 15.0


def two_parts() -> bytes:
    """Return a clip that needs two parts: random bytes stand in a box that players pass over (ISO/IEC 14496-12, 8.1.2)."""
    filling = os.urandom(PART_BYTES)
    return small_clip().content + struct.pack(">I4s", len(filling) + 8, b"free") + filling


def new_key() -> str:
    """Return an Idempotency-Key that nobody has used."""
    return f"seatrial-{uuid.uuid4().hex}"


def put_part(session: Session, upload: Upload, number: int, content: bytes) -> HttpAnswer:
    """Send one part of a file to where it belongs."""
    size = upload.part_size_bytes or len(content)
    url = next(part.url for part in upload.parts if part.part_number == number)
    chunk = content[(number - 1) * size : number * size]
    return session.client.http.request("PUT", url, data=chunk, timeout_s=60.0)


class Keyed:
    """Repeat one call under one key.

    Args:
        session: whose call it is.
        method: PATCH, ...
        path: below the API.
        json: the body.
    """

    def __init__(self, session: Session, method: str, path: str, json: Any = None) -> None:
        self._session, self._method, self._path, self._json = session, method, path, json
        self.key = new_key()

    def __call__(self, json: Any = None, path: str = "") -> HttpAnswer:
        """Send it, with another body or path under the same key if one is given."""
        return self._session.call(
            self._method,
            path or self._path,
            json=self._json if json is None else json,
            headers={"Idempotency-Key": self.key},
            timeout_s=30.0,
        )

    def settled(self, json: Any = None, path: str = "") -> HttpAnswer:
        """Send it until it is answered for good."""

        def sent() -> HttpAnswer:
            answer = self(json, path)
            if under_way(answer):
                raise Failure("an end of the first request", f"{answer.status} {answer.text[:200]}", "api")
            return answer

        return eventually(sent, within_s=SETTLED_WITHIN_S, what=f"an answer for good to {self._method}", where="api")


def under_way(answer: HttpAnswer) -> bool:
    """Say whether the call is to come again: its twin is not through yet, or something that it needs was too slow."""
    return answer.status in {409, 503} and "retry-after" in answer.headers


def at_once(call: Callable[[], HttpAnswer]) -> list[HttpAnswer]:
    """Make the same call several times at the same moment."""
    with ThreadPoolExecutor(TWINS) as pool:
        return [each.result() for each in [pool.submit(call) for _ in range(TWINS)]]


def pages(session: Session, limit: int, between: Callable[[], object] = lambda: None) -> list[Mapping[str, Any]]:
    """Walk the list page by page and return what each page held; `between` is called after the first page."""
    items: list[Mapping[str, Any]] = []
    cursor: str | None = ""
    while cursor is not None:
        answer = session.call("GET", f"/v1/assets?limit={limit}{f'&cursor={cursor}' if cursor else ''}")
        if answer.status != 200:
            raise Failure("200 for a page", f"{answer}", "api")
        if cursor == "":
            between()
        items += answer.json()["items"]
        cursor = answer.json()["next_cursor"]
    return items
