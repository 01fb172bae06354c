"""What every service tells browsers, whatever the answer."""

import asyncio
from collections.abc import Mapping

import pytest
from starlette.responses import PlainTextResponse
from starlette.types import Message

from system.api.app import HEADERS as API
from system.common.middleware import RequestContext
from system.edge.app import HEADERS as EDGE


@pytest.mark.parametrize("headers", [API, EDGE], ids=["api", "edge"])
def test_answers_deny_what_no_answer_needs(headers: Mapping[str, str]) -> None:
    sent = asyncio.run(_headers_of_an_answer(headers))

    assert sent["x-content-type-options"] == "nosniff"
    assert sent["referrer-policy"] == "no-referrer"
    assert sent["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
    assert sent["permissions-policy"] == "camera=(), geolocation=(), microphone=()"


async def _headers_of_an_answer(headers: Mapping[str, str]) -> dict[str, str]:
    seen: list[Message] = []

    async def receive() -> Message:
        raise AssertionError

    async def send(message: Message) -> None:
        seen.append(message)

    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": "GET",
        "path": "/",
        "query_string": b"",
        "headers": [(b"host", b"x")],
    }
    await RequestContext(PlainTextResponse("x"), headers)(scope, receive, send)
    return {name.decode(): value.decode() for name, value in seen[0]["headers"]}
