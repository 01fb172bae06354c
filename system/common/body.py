"""Bound what a request may send: how many bytes, and how long it may take over them."""

import asyncio
import contextlib
from http import HTTPStatus

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from system.common.problem import problem

__all__ = ["BodyLimit"]

LINGER_BYTES = 4 * 1024 * 1024  # more than the ingress lets through
LINGER_S = 2.0


class BodyLimit:
    """Answer 413 to a body over `max_bytes`, at once where its length is announced; 408 to one that trickles."""

    def __init__(self, app: ASGIApp, max_bytes: int, max_seconds: float = 6.0) -> None:
        self.app, self.max_bytes, self.max_seconds = app, max_bytes, max_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        announced = Headers(scope=scope).get("content-length", "")
        if announced.isdecimal() and int(announced) > self.max_bytes:
            await _refuse(scope, receive, send)
            return
        received, more = 0, True
        deadline = asyncio.get_running_loop().time() + self.max_seconds

        async def limited() -> Message:
            nonlocal received, more
            if not more:
                return await receive()  # what follows the body is the wait for the caller to leave
            try:
                async with asyncio.timeout_at(deadline):
                    message = await receive()
            except TimeoutError:
                raise HTTPException(HTTPStatus.REQUEST_TIMEOUT, headers={"Connection": "close"}) from None
            received += len(message.get("body", b""))
            more = bool(message.get("more_body", False))
            if received > self.max_bytes:
                await _linger(receive, more=more, deadline=deadline)
                raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, headers={"Connection": "close"})
            return message

        await self.app(scope, limited, send)


async def _refuse(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer at once, and end the answer when the body has ended."""

    async def unended(message: Message) -> None:
        await send({**message, "more_body": True} if message["type"] == "http.response.body" else message)

    answer = problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, headers={"Connection": "close"})
    await answer(scope, receive, unended)
    await _linger(receive, more=True, deadline=asyncio.get_running_loop().time() + LINGER_S)
    await send({"type": "http.response.body"})


async def _linger(receive: Receive, *, more: bool, deadline: float) -> None:
    """Drop what is still coming, so that a proxy in front can read the refusal instead of meeting a closed connection."""
    left = LINGER_BYTES
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout_at(deadline):
            while more and left > 0:
                message = await receive()
                left -= len(message.get("body", b""))
                more = bool(message.get("more_body", False))
