"""Send a part of an object: from the cache's file without ever blocking the event loop, or from the store."""

import asyncio
import contextlib
import errno
import os
from collections.abc import AsyncIterator

from starlette.types import Receive, Send

from system.edge import metrics

__all__ = ["file_chunks", "read_whole", "send_body"]

CHUNK_BYTES = 262_144  # FileResponse's 64 KB through worker threads costs four to seven times as much
WATCH_FROM_BYTES = 4 * CHUNK_BYTES
_UNSUPPORTED = frozenset({errno.EOPNOTSUPP, errno.EINVAL})


async def file_chunks(descriptor: int, start: int, stop: int) -> AsyncIterator[bytes | bytearray]:
    """Yield the bytes from `start` to `stop`; what is in the page cache is read in place, the rest in a thread."""
    while start < stop:
        size = min(CHUNK_BYTES, stop - start)
        data = _read_warm(descriptor, size, start)
        if data is None:
            data = await asyncio.to_thread(os.pread, descriptor, size, start)
        if not data:
            raise OSError(errno.EIO, f"the cached file ends {stop - start} bytes early")
        start += len(data)
        yield data


def read_whole(descriptor: int, start: int, stop: int) -> bytes | bytearray | None:
    """Give the bytes in one piece, as most ranges can be; None when they are too many, or not in the page cache."""
    if stop - start > CHUNK_BYTES:
        return None
    data = _read_warm(descriptor, stop - start, start)
    return data if data is not None and len(data) == stop - start else None


async def send_body(chunks: AsyncIterator[bytes | bytearray], length: int, receive: Receive, send: Send) -> None:
    """Send the chunks, `length` bytes together; stop reading when the caller has left.

    The server drops what is sent to a caller who left, so only `receive` tells; asking costs a task, which is spent
    on long bodies only.
    """
    gone = asyncio.create_task(_disconnect(receive)) if length >= WATCH_FROM_BYTES else None
    try:
        async for chunk in chunks:
            length -= len(chunk)
            await send({"type": "http.response.body", "body": chunk, "more_body": length > 0})
            metrics.bytes_sent.inc(len(chunk))
            if gone is not None and gone.done():
                return
    finally:
        if gone is not None:
            gone.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await gone


async def _disconnect(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _read_warm(descriptor: int, size: int, offset: int) -> bytes | bytearray | None:
    buffer = bytearray(size)
    try:
        read = os.preadv(descriptor, [buffer], offset, os.RWF_NOWAIT)
    except BlockingIOError:
        return None
    except OSError as error:
        if error.errno in _UNSUPPORTED:  # a file system in memory, where nothing is cold
            return os.pread(descriptor, size, offset)
        raise
    return buffer if read == size else bytes(memoryview(buffer)[:read])
