"""Calls that are repeated under an Idempotency-Key, against the real server and with the rights that the API has there."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, cast
from uuid import uuid4

import pytest
from pydantic import BaseModel

from system.api.idempotency import once
from system.api.services import Services
from system.common.config import DatabaseSettings
from system.common.database import postgres_pool
from system.common.live import Live
from system.common.problem import Problem
from system.platforms.local.parts.services import database_variables
from tests.platform.bench import Running

EXPIRE = "update idempotent_answers set expires_at = now() - interval '1 second' where key = %s"
KEPT = "select count(*) as kept from idempotent_answers where key = %s"


class Number(BaseModel):
    """What the calls here answer: the how-manieth it was."""

    number: int


@dataclass
class Caller:
    """Repeats one call; `acted` is how often it was carried out."""

    services: Services
    accounts: list[str]
    key: str = field(default_factory=lambda: uuid4().hex)
    acted: int = 0

    async def __call__(self, *request: str, account: int = 0, before: Awaitable[object] | None = None) -> int:
        async def act() -> Number:
            if before is not None:
                await before
            self.acted += 1
            return Number(number=self.acted)

        said = await once(self.services, self.accounts[account], self.key, request or ("call",), Number, act)
        return said.number

    async def refused(self, *request: str) -> int:
        with pytest.raises(Problem) as problem:
            await self(*request)
        return problem.value.status


@pytest.fixture
def calls(running: Running) -> Callable[[Callable[[Caller], Awaitable[None]]], None]:
    """Let a coroutine make calls with the API's own access to the database."""
    layout = running.layout
    url = database_variables(layout.addresses.endpoint("pgbouncer"), layout.root_certificate, "api")["DATABASE_URL"]
    password = (layout.secrets / "postgres-api").read_text().strip()

    async def work(with_calls: Callable[[Caller], Awaitable[None]]) -> None:
        settings = DatabaseSettings(url, Live((password,)))
        async with postgres_pool(settings, name="test", max_size=3, wait_s=10.0) as pool:
            nothing = cast("Any", None)
            services = Services(nothing, pool, nothing, nothing, nothing, nothing, nothing, nothing)
            async with services.database() as connection:
                rows = await (await connection.execute("select id::text from accounts order by id limit 2")).fetchall()
            await with_calls(Caller(services, [row["id"] for row in rows]))

    return lambda with_calls: asyncio.run(work(with_calls))


Calls = Callable[[Callable[[Caller], Awaitable[None]]], None]


def test_a_repetition_gets_the_first_answer_and_does_nothing(calls: Calls) -> None:
    async def work(call: Caller) -> None:
        assert [await call(), await call(), await call()] == [1, 1, 1]
        assert call.acted == 1

    calls(work)


def test_a_key_of_another_request_is_refused(calls: Calls) -> None:
    async def work(call: Caller) -> None:
        assert await call("rename", "one") == 1
        assert await call.refused("rename", "other") == 422
        assert await call.refused("renameone") == 422
        assert call.acted == 1

    calls(work)


def test_the_same_key_of_another_account_is_another(calls: Calls) -> None:
    async def work(call: Caller) -> None:
        assert [await call(account=0), await call(account=1), await call(account=0)] == [1, 2, 1]

    calls(work)


def test_a_twin_is_told_to_come_again_while_the_first_is_under_way(calls: Calls) -> None:
    async def work(call: Caller) -> None:
        begun, go = asyncio.Event(), asyncio.Event()

        async def hold() -> None:
            begun.set()
            await go.wait()

        first = asyncio.create_task(call(before=hold()))
        await begun.wait()
        with pytest.raises(Problem) as problem:
            await call()
        assert (problem.value.status, problem.value.headers) == (409, {"Retry-After": "1"})
        go.set()
        assert [await first, await call()] == [1, 1]

    calls(work)


def test_of_twins_at_once_one_acts(calls: Calls) -> None:
    async def work(call: Caller) -> None:
        said = await asyncio.gather(*(call() for _ in range(8)), return_exceptions=True)
        assert {each for each in said if not isinstance(each, Problem)} == {1}
        assert call.acted == 1

    calls(work)


@pytest.mark.parametrize("error", [Problem(404, "no"), RuntimeError("no"), asyncio.CancelledError()])
def test_what_was_refused_or_broke_off_is_not_kept(calls: Calls, error: BaseException) -> None:
    async def work(call: Caller) -> None:
        async def end() -> None:
            raise error

        with pytest.raises(type(error)):
            await call(before=end())
        assert await call() == 1

    calls(work)


def test_a_key_whose_time_is_over_is_a_new_one(calls: Calls) -> None:
    async def work(call: Caller) -> None:
        assert await call() == 1
        await call.services.row(EXPIRE, (call.key,))
        assert await call("other") == 2

    calls(work)


def test_who_lost_the_key_meanwhile_keeps_no_answer(calls: Calls) -> None:
    async def work(call: Caller) -> None:
        begun, go = asyncio.Event(), asyncio.Event()

        async def hold() -> None:
            begun.set()
            await go.wait()

        slow = asyncio.create_task(call(before=hold()))
        await begun.wait()
        await call.services.row(EXPIRE, (call.key,))
        assert await call() == 1
        go.set()
        assert [await slow, await call()] == [2, 1]

    calls(work)


def test_whoever_calls_next_removes_what_has_expired(calls: Calls) -> None:
    async def work(call: Caller) -> None:
        other = Caller(call.services, call.accounts)
        assert [await call(account=0), await other(account=0)] == [1, 1]
        await call.services.row(EXPIRE, (call.key,))
        assert await Caller(call.services, call.accounts)(account=1) == 1
        assert await call.services.row(KEPT, (call.key,)) == {"kept": 0}
        assert await call.services.row(KEPT, (other.key,)) == {"kept": 1}

    calls(work)
