"""The command `restart`, asked of a real control server whose name server is the only part that runs."""

import asyncio
import re
from pathlib import Path

import pytest

from system.platforms.local.command_line import main
from system.platforms.local.control import ControlServer
from system.platforms.local.instance import Instance
from system.platforms.local.layout import Layout
from tests.platform.lone import idle_instance

BY_HAND = {"patch": [{"find": "ns IN A", "replace": "nameserver IN A"}]}


async def restart(instance: Instance, part: str) -> int:
    return await asyncio.to_thread(main, ["restart", part, f"--state={instance.layout.state}"])


def test_a_part_comes_back_as_shipped_or_it_is_said_why_not(
    layout: Layout, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def run() -> None:
        async with idle_instance(layout) as instance:
            control, keeper = ControlServer(instance, asyncio.Event()), instance.keeper("dns")
            await control.start()
            keeper.start()
            try:
                await keeper.wait_ready()
                keeper.part.settings, before = BY_HAND, keeper.pid
                assert await restart(instance, "dns") == 0
                assert (keeper.part.settings, keeper.pid == before) == ({}, False)
                assert await restart(instance, "nobody") == 1
                monkeypatch.setattr(type(keeper.part), "probe", refusing)
                monkeypatch.setattr(keeper.part, "ready_deadline_s", 0.1)
                assert await restart(instance, "dns") == 1
            finally:
                await keeper.stop()
                await control.stop()

    async def refusing(_part: object) -> str:
        return "no address of its own"

    asyncio.run(run())
    said = capsys.readouterr()
    assert re.search(r"^dns is ready again after \d+\.\d s$", said.out, re.MULTILINE)
    unknown, unready = said.err.splitlines()[-2:]
    assert unknown.startswith("restart: there is no part 'nobody'; parts are postgres, ")
    assert unready == "restart: dns is not ready again, but starting: not ready after 0.1 s: no address of its own"


def test_where_nothing_runs_there_is_nothing_to_restart(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["restart", "dns", f"--state={tmp_path}"]) == 1
    assert "down" in capsys.readouterr().err
