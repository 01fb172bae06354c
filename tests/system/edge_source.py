"""An object store in memory for the edge's tests: it counts, it can be down, and it can lie."""

import asyncio
import hashlib
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

from system.common.s3 import StoreUnavailableError
from system.edge.errors import ObjectChangedError, ObjectMissingError
from system.edge.origin import ObjectHead


class MemorySource:
    """Hold objects by key."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.calls: Counter[str] = Counter()
        self.down = False
        self.gate = asyncio.Event()
        self.gate.set()

    async def head(self, key: str) -> ObjectHead:
        self.calls["head"] += 1
        await self.gate.wait()
        if self.down:
            raise StoreUnavailableError("connection refused")
        if key not in self.objects:
            raise ObjectMissingError(key)
        content = self.objects[key]
        digest = hashlib.sha256(content).hexdigest()
        return ObjectHead(len(content), f'"{digest[:32]}"', digest)

    async def fetch(self, key: str, head: ObjectHead, path: Path) -> None:
        self.calls["fetch"] += 1
        if await self.head(key) != head:
            raise ObjectChangedError(key)
        await asyncio.to_thread(path.write_bytes, self.objects[key])

    async def read(self, key: str, head: ObjectHead, start: int, stop: int) -> AsyncIterator[bytes | bytearray]:
        self.calls["read"] += 1
        if await self.head(key) != head:
            raise ObjectChangedError(key)
        yield self.objects[key][start:stop]
