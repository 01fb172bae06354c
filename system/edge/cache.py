"""Keep objects on the local disk, within a bound, and notice when the store's version changed.

An object is cached under a file name that carries its entity tag, so that a restart finds it again. Files are filled
under a temporary name and renamed when their size and checksum are right; an open descriptor survives eviction. A
disk that takes nothing, or a store that is slow, costs the cache, and no play: objects are read from the store meanwhile.
"""

import asyncio
import base64
import contextlib
import secrets
import time
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from system.common.config import ConfigError
from system.common.disk import PREFIX as PROBED
from system.common.disk import require_room
from system.common.logging import get_logger
from system.common.s3 import StoreUnavailableError
from system.edge import metrics
from system.edge.errors import ObjectChangedError, ObjectMissingError, ObjectSlowError, ObjectUnavailableError
from system.edge.origin import ObjectHead

__all__ = ["CachedObject", "DiskCache"]

RECHECK_S = 10.0
RETRY_S = 2.0
WRITE_AGAIN_S = 5.0
PATIENCE_S = 1.0
FILL_PATIENCE_S = 5.0  # how long plays wait for an object to be filled
FILL_AGAIN_S = 600.0  # after one whose time was over
TEMPORARY = ".part-"
FILE_SYSTEMS_OWN = "lost+found"

_HITS = metrics.cache_requests.labels("hit")

log = get_logger("cache")


class ObjectSource(Protocol):
    """What the cache asks of the store."""

    async def head(self, key: str) -> ObjectHead:
        """Return what the store says of an object."""

    async def fetch(self, key: str, head: ObjectHead, path: Path) -> None:
        """Write the object to a new file, whole and verified, and nothing more once this has ended."""


@dataclass
class CachedObject:
    """One object: what it is, where its file is, and when the store was last asked.

    Without a path it is not in the cache, for want of room, of a disk that takes it or of time, and is to be read from the store.
    """

    head: ObjectHead
    path: Path | None
    checked_s: float


class DiskCache:
    """Hold at most `max_bytes` of objects in `directory`, the least recently used leave first."""

    def __init__(self, directory: Path, max_bytes: int, source: ObjectSource) -> None:
        self.directory, self.max_bytes = directory, max_bytes
        self._source = source
        self._objects: OrderedDict[str, CachedObject] = OrderedDict()
        self._bytes = 0
        self._filling: dict[str, CachedObject] = {}
        self._flights: dict[str, asyncio.Task[CachedObject]] = {}
        self._store_down_until_s = self._unwritable_until_s = 0.0
        self._faulty_until_s: dict[str, float] = {}
        self._slow_until_s: dict[str, float] = {}

    def load(self) -> None:
        """Take over the files of an earlier run, oldest use first, and remove what was never finished.

        Raises ConfigError, and touches nothing, where anything else lies in the directory, but for what a file system has.
        """
        self.directory.mkdir(parents=True, exist_ok=True)
        there = [path for path in self.directory.iterdir() if path.name != FILE_SYSTEMS_OWN]
        if foreign := sorted(path.name for path in there if not _is_ours(path)):
            said = f"CACHE_DIR: {self.directory} holds {foreign[0]!r}, which is no file of the edge's"
            raise ConfigError([f"{said}: give it a directory of its own"])
        found = []
        for path in there:
            named = _read_name(path.name)
            if named is None:
                path.unlink()
                continue
            stat = path.stat()
            found.append((stat.st_atime, *named, stat.st_size, path))
        for _, key, etag, size, path in sorted(found):
            self._insert(key, CachedObject(ObjectHead(size, etag, ""), path, float("-inf")))
        self._make_room()

    async def get(self, key: str) -> CachedObject:
        """Return the object, filled or confirmed by the store at most RECHECK_S seconds ago.

        While the store is down, a cached object is still given: a store that does not answer holds it up for PATIENCE_S, and
        only until that is known. One whose fill takes longer than FILL_PATIENCE_S is to be read from the store until it has
        ended. Raises ObjectMissingError or StoreUnavailableError.
        """
        now_s = time.monotonic()
        cached = self._objects.get(key)
        if cached is not None and now_s - cached.checked_s < RECHECK_S:
            self._objects.move_to_end(key)
            _HITS.inc()
            return cached
        flight = self._flights.get(key)
        if flight is None:
            flight = self._flights[key] = asyncio.create_task(self._confirm(key))
            flight.add_done_callback(lambda done: self._landed(key, done))
        if cached is not None:
            await asyncio.wait({flight}, timeout=0 if self._store_down_until_s else PATIENCE_S)
            if not flight.done() and self._objects.get(key) is cached:
                self._objects.move_to_end(key)
                metrics.cache_requests.labels("stale").inc()
                return cached
        began_s = self._filling[key].checked_s if key in self._filling else now_s
        await asyncio.wait({flight}, timeout=max(0.0, began_s + FILL_PATIENCE_S - time.monotonic()))
        if not flight.done() and key in self._filling:
            return self._filling[key]
        return await asyncio.shield(flight)

    def forget(self, key: str) -> None:
        """Drop an object, for instance because its file has vanished."""
        gone = self._objects.pop(key, None)
        if gone is not None and gone.path is not None:
            self._bytes -= gone.head.size
            gone.path.unlink(missing_ok=True)
        self._publish()

    async def probe(self) -> None:
        """Raise OSError unless a file can be written to the cache's directory."""
        await asyncio.to_thread(require_room, self.directory)

    def _landed(self, key: str, flight: asyncio.Task[CachedObject]) -> None:
        del self._flights[key]
        if not flight.cancelled():
            flight.exception()  # the waiters have raised it; without waiters nobody needs it

    async def _confirm(self, key: str) -> CachedObject:
        cached = self._objects.get(key)
        try:
            return await self._ask(key, cached)
        except ObjectMissingError:
            self.forget(key)
            metrics.cache_requests.labels("missing").inc()
            raise
        except StoreUnavailableError as error:
            now_s = time.monotonic()
            if not self._is_spared(key):
                self._spare(key, error)
                log.warning("store unavailable", extra={"key": key, "reason": str(error), "cached": cached is not None})
            if self._objects.get(key) is None or cached is None:
                metrics.cache_requests.labels("unavailable").inc()
                raise
            cached.checked_s = now_s - RECHECK_S + RETRY_S
            metrics.cache_requests.labels("stale").inc()
            return cached

    def _is_spared(self, key: str) -> bool:
        return time.monotonic() < max(self._store_down_until_s, self._faulty_until_s.get(key, 0.0))

    def _spare(self, key: str, error: StoreUnavailableError) -> None:
        """Ask for nothing for a while, or not for this object where that alone cannot be had: others are no worse for it."""
        now_s = time.monotonic()
        if isinstance(error, ObjectUnavailableError):
            self._faulty_until_s = {**_not_over(self._faulty_until_s), key: now_s + RETRY_S}
        else:
            self._store_down_until_s = now_s + RETRY_S

    async def _ask(self, key: str, cached: CachedObject | None) -> CachedObject:
        if self._is_spared(key):
            raise StoreUnavailableError("the store did not give it a moment ago")
        for _ in range(3):
            with contextlib.suppress(ObjectChangedError):
                return await self._refresh(key, cached)
        raise ObjectUnavailableError(f"{key} keeps changing")

    async def _refresh(self, key: str, cached: CachedObject | None) -> CachedObject:
        head = await self._head(key)
        if cached is not None and cached.head.etag == head.etag and cached.head.size == head.size:
            cached.checked_s = time.monotonic()
            metrics.cache_requests.labels("confirmed").inc()
            return cached
        metrics.cache_requests.labels("miss" if cached is None else "replaced").inc()
        self.forget(key)
        no_fill_until_s = max(self._unwritable_until_s, self._slow_until_s.get(key, 0.0))
        if self._filling_bytes + head.size > self.max_bytes or time.monotonic() < no_fill_until_s:
            return CachedObject(head, None, time.monotonic())
        return await self._fill(key, head)

    async def _head(self, key: str) -> ObjectHead:
        try:
            head = await self._source.head(key)
        except ObjectMissingError:
            self._store_down_until_s = 0.0
            raise
        self._store_down_until_s = 0.0
        return head

    async def _fill(self, key: str, head: ObjectHead) -> CachedObject:
        part = self.directory / f"{TEMPORARY}{secrets.token_hex(8)}"
        path = self.directory / _write_name(key, head.etag)
        self._filling[key] = CachedObject(head, None, time.monotonic())
        try:
            self._make_room()
            await self._source.fetch(key, head, part)
            part.replace(path)
        except OSError as error:
            self._unwritable_until_s = time.monotonic() + WRITE_AGAIN_S
            metrics.cache_unwritten.inc()
            log.warning("cache cannot be written, the store is read instead", extra={"reason": str(error)})
            return CachedObject(head, None, time.monotonic())
        except ObjectSlowError as error:
            self._slow_until_s = {**_not_over(self._slow_until_s), key: time.monotonic() + FILL_AGAIN_S}
            log.warning(
                "a fill ends with its time, the store is read instead", extra={"key": key, "reason": str(error)}
            )
            return CachedObject(head, None, time.monotonic())
        finally:
            del self._filling[key]
            part.unlink(missing_ok=True)
        fresh = CachedObject(head, path, time.monotonic())
        self._insert(key, fresh)
        return fresh

    @property
    def _filling_bytes(self) -> int:
        return sum(each.head.size for each in self._filling.values())

    def _insert(self, key: str, item: CachedObject) -> None:
        self._objects[key] = item
        self._bytes += item.head.size
        self._publish()

    def _make_room(self) -> None:
        while self._bytes + self._filling_bytes > self.max_bytes and self._objects:
            self.forget(next(iter(self._objects)))
            metrics.cache_evictions.inc()

    def _publish(self) -> None:
        metrics.cache_bytes.set(self._bytes + self._filling_bytes)
        metrics.cache_objects.set(len(self._objects))


def _not_over(moments_s: dict[str, float]) -> dict[str, float]:
    now_s = time.monotonic()
    return {key: until_s for key, until_s in moments_s.items() if until_s > now_s}


def _is_ours(path: Path) -> bool:
    ours = path.name.startswith((TEMPORARY, PROBED)) or _read_name(path.name) is not None
    return ours and path.is_file() and not path.is_symlink()


def _write_name(key: str, etag: str) -> str:
    return ".".join(base64.urlsafe_b64encode(part.encode()).rstrip(b"=").decode() for part in (key, etag))


def _read_name(name: str) -> tuple[str, str] | None:
    try:
        key, etag = (base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)).decode() for part in name.split("."))
    except ValueError:
        return None
    return (key, etag) if _write_name(key, etag) == name else None
