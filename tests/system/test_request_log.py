"""Every answered request leaves one JSON line, whichever way it is written."""

import asyncio
import io
import json
import logging

import pytest

from system.common import logging as system_logging
from system.common.config import ServiceSettings
from system.common.logging import RequestLog, log_request, request_id

SETTINGS = ServiceSettings("edge", "edge-1", "r1", "127.0.0.1", 1, "INFO")


def test_the_lines_of_one_turn_are_written_together_and_whole() -> None:
    stream = io.StringIO()
    log = RequestLog(SETTINGS, stream)

    async def serve() -> str:
        request_id.set("one")
        log.write({"path": "/a"})
        request_id.set("two")
        log.write({"path": "/ü"})
        early = stream.getvalue()
        await asyncio.sleep(0)
        log.write({"path": "/c"})
        await asyncio.sleep(0)
        return early

    early = asyncio.run(serve())
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]

    assert early == ""
    assert [(line["request_id"], line["path"]) for line in lines] == [("one", "/a"), ("two", "/ü"), ("two", "/c")]
    assert lines[0]["ts"].endswith("+00:00")
    assert {key: lines[0][key] for key in ("level", "service", "instance", "release", "message", "logger")} == {
        "level": "info",
        "service": "edge",
        "instance": "edge-1",
        "release": "r1",
        "message": "request",
        "logger": "system.access",
    }


def test_a_higher_level_leaves_the_lines_out(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    monkeypatch.setattr(system_logging, "_request_log", RequestLog(SETTINGS, stream))
    log = logging.getLogger("system.access")
    before = log.level
    log.setLevel(logging.WARNING)

    async def serve() -> None:
        log_request({"path": "/a"})
        await asyncio.sleep(0)

    try:
        asyncio.run(serve())
    finally:
        log.setLevel(before)

    assert stream.getvalue() == ""
