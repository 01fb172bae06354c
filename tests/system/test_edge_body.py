"""Bodies are sent whole or broken off, never padded, and not to somebody who has left."""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from starlette.types import Message

from system.edge.body import CHUNK_BYTES, WATCH_FROM_BYTES, file_chunks, send_body

CONTENT = os.urandom(3 * CHUNK_BYTES + 17)


async def collect(path: Path, start: int, stop: int) -> bytes:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        return b"".join([bytes(chunk) async for chunk in file_chunks(descriptor, start, stop)])
    finally:
        os.close(descriptor)


@pytest.mark.parametrize(("start", "stop"), [(0, len(CONTENT)), (5, 6), (CHUNK_BYTES - 1, 2 * CHUNK_BYTES + 1)])
def test_chunks_are_exactly_the_range(tmp_path: Path, start: int, stop: int) -> None:
    path = tmp_path / "object"
    path.write_bytes(CONTENT)

    assert asyncio.run(collect(path, start, stop)) == CONTENT[start:stop]


def test_a_file_that_is_too_short_breaks_the_answer_off(tmp_path: Path) -> None:
    path = tmp_path / "object"
    path.write_bytes(CONTENT)

    with pytest.raises(OSError, match="ends 10 bytes early"):
        asyncio.run(collect(path, 0, len(CONTENT) + 10))


def test_reading_stops_when_the_caller_has_left() -> None:
    produced, sent = 0, 0

    async def endless() -> AsyncIterator[bytes | bytearray]:
        nonlocal produced
        while True:
            produced += 1
            yield bytes(1000)
            await asyncio.sleep(0)

    async def receive() -> Message:
        return {"type": "http.request", "body": b""} if not sent else {"type": "http.disconnect"}

    async def send(_message: Message) -> None:
        nonlocal sent
        sent += 1
        await asyncio.sleep(0)

    async def scenario() -> None:
        async with asyncio.timeout(10):
            await send_body(endless(), 1000 * WATCH_FROM_BYTES, receive, send)

    asyncio.run(scenario())
    assert produced < 10


def test_the_last_chunk_says_so() -> None:
    messages: list[Message] = []

    async def two() -> AsyncIterator[bytes | bytearray]:
        yield b"ab"
        yield b"cd"

    async def receive() -> Message:
        raise AssertionError

    async def send(message: Message) -> None:
        messages.append(message)

    asyncio.run(send_body(two(), 4, receive, send))
    assert [message["more_body"] for message in messages] == [True, False]
