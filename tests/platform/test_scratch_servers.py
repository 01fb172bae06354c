"""Scratch servers come and go beside threads that walk over everything that runs."""

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest

from system.platforms.local import scratch
from system.platforms.local.layout import Layout
from system.platforms.local.scratch import ScratchServers


def test_what_a_thread_walks_over_is_not_changed_under_it(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    async def nothing() -> None:
        return

    server = cast("Any", SimpleNamespace(name="scratch-1"))
    keeper = SimpleNamespace(start=lambda: None, wait_ready=nothing, stop=nothing)
    monkeypatch.setattr(scratch, "Keeper", lambda *_: keeper)
    walked: dict[str, Any] = {"redis": None}
    instance = SimpleNamespace(layout=layout, children=None, tell=None, keepers=walked)

    async def main() -> None:
        servers = ScratchServers(cast("Any", instance))
        servers._taken.add(0)
        await servers._start(server)
        with_scratch = instance.keepers
        assert with_scratch == {"redis": None, "scratch-1": keeper}
        await servers.drop("scratch-1")
        assert (walked, len(with_scratch), instance.keepers) == ({"redis": None}, 2, {"redis": None})

    asyncio.run(main())
