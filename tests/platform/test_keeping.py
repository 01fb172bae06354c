"""The plan kept by a supervisor, which waits for every child of its process: what SOPS says must reach whoever asked."""

import asyncio
import json
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from system.platforms.local import kept
from system.platforms.local.ca import Authority
from system.platforms.local.children import Children
from system.platforms.local.errors import PartFailed
from system.platforms.local.keeping import Keeping
from system.platforms.local.layout import Layout
from system.platforms.local.secret_files import SecretFiles

TRIES = 3  # whoever waits first gets a child's end


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    layout = Layout.of(tmp_path, 18000)
    layout.make()
    SecretFiles(layout.secrets).make_all()
    Authority(layout.ca).ensure_root()
    return layout


def supervised(layout: Layout, act: Callable[[Keeping, Children], Awaitable[Any]]) -> Any:
    """Act in a loop that reaps every child of this process, as the supervisor's does."""

    async def main() -> Any:
        children = Children()
        try:
            return await act(Keeping(layout, children), children)
        finally:
            asyncio.get_running_loop().remove_signal_handler(signal.SIGCHLD)

    return asyncio.run(main())


def test_a_supervisor_keeps_a_plan_and_logs_no_value_of_it(layout: Layout) -> None:
    async def act(keeping: Keeping, _children: Children) -> Any:
        await keeping.keep(["links"])
        short = await keeping.report()
        await keeping.keep()
        return short, await keeping.report()

    short, whole = supervised(layout, act)
    assert (short["current"], whole["current"]) == (False, True)
    assert set(whole["secrets"]) - set(short["secrets"]) == {"links"}
    said = layout.log("kept").read_text()
    assert not [each for each in SecretFiles(layout.secrets).values() if each in said]


def test_a_plan_that_cannot_be_read_is_told_each_time(layout: Layout) -> None:
    kept.keep(layout)
    layout.plan.write_text(layout.plan.read_text().replace('"previews",', ""))

    async def act(keeping: Keeping, _children: Children) -> None:
        for _ in range(TRIES):
            with pytest.raises(PartFailed, match=r"sops decrypt failed: .*MAC"):
                await keeping.report()

    supervised(layout, act)


def test_a_plan_that_cannot_be_written_is_told_and_the_one_before_stays(layout: Layout) -> None:
    kept.keep(layout)
    before = layout.plan.read_bytes()
    layout.plan.with_suffix(".half").mkdir()

    async def act(keeping: Keeping, _children: Children) -> None:
        with pytest.raises(PartFailed, match=r"kept: exit code 1: .*directory"):
            await keeping.keep()

    supervised(layout, act)
    assert layout.plan.read_bytes() == before


def test_killing_what_a_dead_part_has_left_spares_the_plan(layout: Layout) -> None:
    async def act(keeping: Keeping, children: Children) -> Any:
        keep = asyncio.create_task(keeping.keep())
        while not keep.done():
            await children.kill_orphans()
            await asyncio.sleep(0)
        await keep
        return await keeping.report()

    assert supervised(layout, act)["current"]


def test_a_plan_that_is_held_stays_as_it_is(layout: Layout) -> None:
    async def act(keeping: Keeping, _children: Children) -> Any:
        await keeping.keep(["links"])
        keeping.held = True
        await keeping.keep()
        return await keeping.report()

    assert "links" not in supervised(layout, act)["secrets"]


def _without_a_file(found: dict[str, Any]) -> None:
    del found["files"]["ca/root.key"]


def _in_the_clear(found: dict[str, Any]) -> None:
    found["files"]["ca/root.key"] = "-----BEGIN"


def _without_mac(found: dict[str, Any]) -> None:
    del found["sops"]


def _without_a_bucket(found: dict[str, Any]) -> None:
    found["buckets_unencrypted"].pop()


@pytest.mark.parametrize("spoil", [_without_a_file, _in_the_clear, _without_mac, _without_a_bucket])
def test_what_is_not_the_plan_encrypted_is_not_taken_for_it(
    layout: Layout, spoil: Callable[[dict[str, Any]], None]
) -> None:
    kept.keep(layout)
    sealed, plan = layout.plan.read_text(), kept.Plan.of(layout)
    assert kept._seals(sealed, plan)
    found = json.loads(sealed)
    spoil(found)
    assert not kept._seals(json.dumps(found), plan)


@pytest.mark.parametrize("text", ["", "{}", "[]", "null", "{"])
def test_nothing_is_no_plan(layout: Layout, text: str) -> None:
    assert not kept._seals(text, kept.Plan.of(layout))
