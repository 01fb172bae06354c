"""One command to a Redis server or a Sentinel over TLS, in the wire's own form."""

import asyncio
import ssl
from typing import Any

from system.platforms.local.addresses import Endpoint

_WITHIN_S = 5.0


class RefusedError(OSError):
    """The server answered with an error; the words are its own."""


async def ask(endpoint: Endpoint, user: str, password: str, *words: str) -> Any:
    """Sign in, send one command, and give its reply: text, number, list or None.

    Raises RefusedError for an error reply, and any other OSError where no reply comes within five seconds.
    """
    # The platform must reach the server even while a bad certificate is on trial; so no authority is read for it either.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    async with asyncio.timeout(_WITHIN_S):
        reader, writer = await asyncio.open_connection(endpoint.address, endpoint.port, ssl=context)
        try:
            writer.write(_encode("AUTH", user, password) + _encode(*words))
            await _reply(reader)
            return await _reply(reader)
        except asyncio.IncompleteReadError as error:
            raise ConnectionResetError("the connection was closed in mid-reply") from error
        finally:
            writer.close()


def pairs(reply: list[str]) -> dict[str, str]:
    """Read a reply that lists names and values in turn."""
    return dict(zip(reply[::2], reply[1::2], strict=True))


def _encode(*words: str) -> bytes:
    """Write a command in the Redis serialization protocol."""
    encoded = [word.encode() for word in words]
    return b"*%d\r\n" % len(encoded) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in encoded)


async def _reply(reader: asyncio.StreamReader) -> Any:
    line = (await reader.readuntil(b"\r\n")).decode().rstrip()
    kind, rest = line[0], line[1:]
    if kind == "-":
        raise RefusedError(rest)
    if kind == "+":
        return rest
    if kind not in ":$*":
        raise ConnectionError(f"no reply of Redis: {line[:80]!r}")
    number = int(rest)
    if kind == ":":
        return number
    if number < 0:
        return None
    if kind == "$":
        return (await reader.readexactly(number + 2))[:-2].decode(errors="replace")
    return [await _reply(reader) for _ in range(number)]
