"""Answer GET and HEAD of a signed link: verify, find, select, send.

A plain ASGI application: on the path that players take dozens of times a video, Request and Response objects would
cost more than the verification does.
"""

import os
import re
import time
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from system.common.problem import problem
from system.common.s3 import StoreUnavailableError
from system.common.signing import VARIANTS, Link, link_is_valid, parse_query
from system.edge import metrics
from system.edge.body import file_chunks, read_whole, send_body
from system.edge.cache import CachedObject, DiskCache
from system.edge.conditions import Full, NotModified, Part, PreconditionFailed, Unsatisfiable, select
from system.edge.errors import ObjectChangedError, ObjectMissingError
from system.edge.origin import Origin
from system.edge.settings import EdgeSettings

__all__ = ["Play", "first_of_each"]

RETRY_AFTER_S = 2
OBJECTS = {"preview": "preview.mp4", "poster": "poster.jpg"}
_PATH = re.compile(rb"/v/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})/([a-z]{1,32})")
_NO_LINK = Link(0, "-", "A" * 43)
_NAMES = {
    name: name.lower().encode()
    for name in ("ETag", "Accept-Ranges", "Cache-Control", "Content-Type", "Content-Length", "Content-Range")
}
_NO_STORE = {"Cache-Control": "no-store"}


@dataclass(frozen=True)
class Wanted:
    """What a valid link opens, and the headers that say for how long."""

    key: str
    content_type: str
    variant: str
    fresh: dict[str, str]


@dataclass(frozen=True)
class Opened:
    """An object that can be read: from a descriptor, or from the store when there is none."""

    item: CachedObject
    descriptor: int | None


class Play:
    """Serve `/v/{asset_id}/{variant}`; every refusal of a link looks the same."""

    def __init__(self, settings: EdgeSettings, cache: DiskCache, origin: Origin) -> None:
        self._settings, self._cache, self._origin = settings, cache, origin

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["method"] not in ("GET", "HEAD"):
            refusal = problem(405, headers={"Allow": "GET, HEAD", **_NO_STORE})
            await refusal(scope, receive, send)
            return
        headers = first_of_each(scope["headers"])
        found = self.verified(scope, headers, time.time())
        if found is None:
            metrics.refusals.inc()
            await problem(403, "The link is not valid.", headers=_NO_STORE)(scope, receive, send)
            return
        asset_id, variant, left_s = found
        if variant not in OBJECTS:
            await self._absent()(scope, receive, send)
            return
        wanted = Wanted(
            key=f"previews/{asset_id}/{OBJECTS[variant]}",
            content_type=VARIANTS[variant],
            variant=variant,
            fresh={"Cache-Control": f"private, max-age={left_s}"},
        )
        try:
            opened = await self._open(wanted.key)
        except ObjectMissingError:
            await self._absent()(scope, receive, send)
        except StoreUnavailableError:
            await self._unavailable()(scope, receive, send)
        else:
            try:
                await self._answer(wanted, opened, headers, scope, receive, send)
            finally:
                if opened.descriptor is not None:
                    os.close(opened.descriptor)

    def verified(self, scope: Scope, headers: Mapping[str, str], now_s: float) -> tuple[str, str, int] | None:
        """Return asset, variant and the whole seconds that are left, or None for a link that is not valid."""
        # The raw path, not the decoded one: only one spelling of a link is the one that was signed.
        path = _PATH.fullmatch(scope.get("raw_path") or b"")
        asset_id, variant = (path[1].decode(), path[2].decode()) if path else ("", "")
        link = parse_query(scope["query_string"].decode("latin-1")) or _NO_LINK
        valid = link_is_valid(
            self._settings.keys.now,
            link,
            method=scope["method"],
            host=headers.get("host", "").lower(),
            asset_id=asset_id,
            variant=variant,
            now_s=now_s,
            max_lifetime_s=self._settings.max_lifetime_s,
            skew_s=self._settings.skew_s,
        )
        return (asset_id, variant, max(0, link.exp - int(now_s))) if valid and path else None

    async def _open(self, key: str) -> Opened:
        for _ in range(2):
            item = await self._cache.get(key)
            if item.path is None:
                return Opened(item, None)
            try:
                return Opened(item, os.open(item.path, os.O_RDONLY | os.O_CLOEXEC))
            except FileNotFoundError:  # evicted between the look-up and here, or the directory was emptied
                self._cache.forget(key)
        raise StoreUnavailableError("the cached file vanishes as soon as it is written")

    async def _answer(
        self, wanted: Wanted, opened: Opened, headers: Mapping[str, str], scope: Scope, receive: Receive, send: Send
    ) -> None:
        head = opened.item.head
        common = {"ETag": head.etag, "Accept-Ranges": "bytes", **wanted.fresh}
        match select(scope["method"], headers, etag=head.etag, size=head.size):
            case NotModified():
                await Response(status_code=304, headers=common)(scope, receive, send)
                return
            case PreconditionFailed():
                await problem(412, "The object has another entity tag.", headers=_NO_STORE)(scope, receive, send)
                return
            case Unsatisfiable():
                beyond = {**_NO_STORE, "Content-Range": f"bytes */{head.size}", "Accept-Ranges": "bytes"}
                await problem(416, f"The object has {head.size} bytes.", headers=beyond)(scope, receive, send)
                return
            case Part(start, stop):
                status, ranged = 206, {"Content-Range": f"bytes {start}-{stop - 1}/{head.size}"}
            case Full():
                status, start, stop, ranged = 200, 0, head.size, {}
        common |= {"Content-Type": wanted.content_type, "Content-Length": str(stop - start), **ranged}
        start_message = {
            "type": "http.response.start",
            "status": status,
            "headers": [(_NAMES[name], value.encode("latin-1")) for name, value in common.items()],
        }
        if scope["method"] == "HEAD" or start == stop:
            await send(start_message)
            await send({"type": "http.response.body", "body": b""})
            return
        if start == 0:
            metrics.plays.labels(wanted.variant).inc()
        if opened.descriptor is not None and (data := read_whole(opened.descriptor, start, stop)) is not None:
            await send(start_message)
            await send({"type": "http.response.body", "body": data})
            metrics.bytes_sent.inc(len(data))
            return
        chunks = self._chunks(wanted.key, opened, start, stop)
        try:
            first = await anext(chunks)
        except (ObjectChangedError, ObjectMissingError, StoreUnavailableError):
            await self._unavailable()(scope, receive, send)
            return
        await send(start_message)
        await send_body(_chained(first, chunks), stop - start, receive, send)

    def _chunks(self, key: str, opened: Opened, start: int, stop: int) -> AsyncIterator[bytes | bytearray]:
        if opened.descriptor is None:
            return self._origin.read(key, opened.item.head, start, stop)
        return file_chunks(opened.descriptor, start, stop)

    @staticmethod
    def _absent() -> Response:
        return problem(404, "There is no such object.", headers=_NO_STORE)

    @staticmethod
    def _unavailable() -> Response:
        headers = {"Retry-After": str(RETRY_AFTER_S), **_NO_STORE}
        return problem(503, "The object store does not answer; try again.", headers=headers)


def first_of_each(headers: Iterable[tuple[bytes, bytes]]) -> Mapping[str, str]:
    """Give the headers by name; of several with one name the first."""
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in reversed(list(headers))}


async def _chained(
    first: bytes | bytearray, rest: AsyncIterator[bytes | bytearray]
) -> AsyncIterator[bytes | bytearray]:
    yield first
    async for chunk in rest:
        yield chunk
