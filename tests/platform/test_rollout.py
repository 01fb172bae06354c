"""A deploy by hand: the schema goes first, and nothing is moved where that fails. One PostgreSQL server is real, and no service."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, cast

import psycopg
import pytest

from system.platforms.local import live_migrations, releasing, rollout
from system.platforms.local.bootstrap_postgres import DATABASE
from system.platforms.local.errors import BadRequest
from system.platforms.local.instance import Instance
from system.platforms.local.keeper import State
from system.platforms.local.layout import Layout
from system.platforms.local.releases import Edit
from system.platforms.local.rollout import Rollout
from tests.platform.lone import idle_instance, lone_server

ADDED, CONTRACTING = "29991231235958", "29991231235959"
LAST = "system/migrations/20261128070000_previews_made_again.sql"


@dataclass
class Standing:
    """An instance of the API that runs nothing: it notes which revisions there are when it is told to end."""

    revisions: Callable[[], list[str]]
    release: str
    name: str = "api-1"
    service: str = "api"
    state: State = State.READY
    seen: list[str] = field(default_factory=list)

    async def stop(self, _signal: int) -> None:
        self.seen = self.revisions()

    def start(self) -> None:
        """Start nothing."""

    async def wait_ready(self) -> None:
        """Be ready."""


@pytest.fixture
def backups(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """How many revisions there were at each base backup; the store is left out, and so is what serves."""
    made: list[str] = []

    async def back_up(instance: Instance) -> None:
        made.append(revisions(instance)[-1])

    async def serving(*_: object) -> None:
        return

    monkeypatch.setattr(live_migrations, "back_up", back_up)
    monkeypatch.setattr(rollout, "wait_serving", serving)
    return made


def revisions(instance: Instance) -> list[str]:
    with psycopg.connect(instance.postgres.admin_dsn(DATABASE)) as connection:
        return [row[0] for row in connection.execute("select version from schema_migrations order by version")]


def migrated(layout: Layout, act: Callable[[Instance, Standing], Awaitable[None]]) -> None:
    """Act on an instance of which nothing runs but a server at its newest revision."""

    async def main() -> None:
        async with idle_instance(layout) as instance, lone_server(layout, instance.children):
            standing = Standing(lambda: revisions(instance), instance.release)
            instance.services = cast("Any", [standing])
            instance.keepers["api-1"] = cast("Any", standing)
            await instance.migrate()
            await act(instance, standing)

    asyncio.run(main())


def revision(version: str, phase: str, up: str) -> Edit:
    text = f"-- phase: {phase}\n-- lock_timeout: 500ms\n\n-- migrate:up\n{up}\n\n-- migrate:down\nselect 1;\n"
    return Edit(file=f"system/migrations/{version}_trial.sql", find="", replace=text)


async def deploy(instance: Instance, *edits: Edit, migrate: bool = True) -> dict[str, Any]:
    return await Rollout(instance).deploy(list(edits), [], {}, at_once=True, migrate=migrate)


def test_a_release_finds_its_schema_which_was_backed_up_before_and_what_contracts_waits(
    layout: Layout, backups: list[str]
) -> None:
    async def act(instance: Instance, standing: Standing) -> None:
        before = revisions(instance)
        await deploy(instance)
        assert backups == []
        added = revision(ADDED, "expand", "alter table accounts add column plan text;")
        contracting = revision(CONTRACTING, "contract", "alter table accounts drop column plan;")
        answer = await deploy(instance, added, contracting)
        assert backups == [before[-1]]
        assert standing.seen == revisions(instance) == [*before, ADDED]
        assert standing.release == instance.release == answer["release"]
        other = Edit(file="system/api/trial.py", find="", replace="TRIAL = True\n")
        await deploy(instance, added, contracting, other)
        assert backups == [before[-1]]  # what contracts is still pending, and there is nothing to apply

    migrated(layout, act)


def test_nothing_is_moved_where_the_schema_does_not_follow(layout: Layout, backups: list[str]) -> None:
    edited = Edit(file=LAST, find="-- migrate:up", replace="-- Edited afterwards.\n-- migrate:up")

    async def act(instance: Instance, standing: Standing) -> None:
        before, first = revisions(instance), instance.release
        failing = revision(ADDED, "expand", "alter table nobody add column plan text;")
        for edit, words in ((edited, "was changed after it had been applied"), (failing, "nobody")):
            with pytest.raises(BadRequest, match=f"was rolled back to {first}: migrations: exit code 1: .*{words}"):
                await deploy(instance, edit)
        assert (instance.release, standing.release, standing.seen) == (first, first, [])
        assert revisions(instance) == before
        change = instance.history.newest_first()[0]
        assert (change["outcome"], change["previous"]) == ("rolled back", first)

    migrated(layout, act)


def test_the_command_has_the_schema_brought_up(
    layout: Layout, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[object] = []

    def call(*given: object, timeout_s: float) -> dict[str, Any]:
        asked.append(given)
        return {"release": "r2", "previous": "r1", "seconds": timeout_s}

    monkeypatch.setattr(releasing, "call", call)
    assert releasing.deploy(layout) == 0
    assert asked == [(layout.control_socket, "POST", "/v1/deploy", {"migrate": True})]
    assert capsys.readouterr().out.startswith("release r2 is in force")


def test_a_deploy_that_is_not_told_to_leaves_the_schema_alone(layout: Layout, backups: list[str]) -> None:
    async def act(instance: Instance, standing: Standing) -> None:
        before = revisions(instance)
        await deploy(instance, revision(ADDED, "expand", "alter table accounts add column plan text;"), migrate=False)
        assert standing.seen == revisions(instance) == before

    migrated(layout, act)


def test_a_rollback_waits_for_the_deploy_before_it_and_notes_nothing_where_nothing_is_to_be_moved(
    layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def serving(*_: object) -> None:
        return

    monkeypatch.setattr(rollout, "wait_serving", serving)

    async def main() -> None:
        async with idle_instance(layout) as instance:
            first, standing = instance.release, Standing(list, instance.release)
            instance.services = cast("Any", [standing])
            instance.keepers["api-1"] = cast("Any", standing)
            moves = Rollout(instance)
            other = Edit(file="system/api/trial.py", find="", replace="TRIAL = True\n")
            deploying = asyncio.create_task(moves.deploy([other], [], {}, at_once=True, migrate=False))
            await asyncio.sleep(0)
            assert (instance.changing.locked(), standing.release) == (True, first)
            for _ in range(2):
                await moves.rollback(first, at_once=True)
            assert deploying.done()
            assert instance.release == standing.release == first
            assert [change["by"] for change in instance.history.newest_first()] == ["rollback", "deploy"]

    asyncio.run(main())
