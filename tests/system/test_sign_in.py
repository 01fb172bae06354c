"""Many who sign in at once, and Redis away meanwhile."""

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest
from starlette.requests import Request

from system.api import optional_redis, sessions
from system.api.models import Credentials
from system.api.optional_redis import OptionalRedis
from system.api.passwords import Turns
from system.api.throttle import SignInThrottle
from system.common.config import RedisSettings
from system.common.database import open_redis
from system.common.live import Live
from system.common.problem import Problem

CREDENTIALS = Credentials(email="ada@example.test", password="a wrong one")


async def no_row(_query: object, _values: object) -> None:
    return None


async def refusal(**services: Any) -> Problem:
    with pytest.raises(Problem) as refused:
        await sessions.sign_in(CREDENTIALS, "192.0.2.1", cast("Any", SimpleNamespace(row=no_row, **services)))
    return refused.value


def test_callers_are_turned_away_at_once_where_too_many_wait() -> None:
    async def work() -> None:
        turns, done = Turns(1, 2), list[int]()

        async def take(number: int) -> None:
            async with turns:
                done.append(number)

        async with turns:
            waiting = [asyncio.create_task(take(number)) for number in range(2)]
            await asyncio.sleep(0)
            with pytest.raises(Problem) as refused:
                await take(2)
            assert (refused.value.status, refused.value.headers) == (503, {"Retry-After": "1"})
            waiting.pop().cancel()
            await asyncio.sleep(0)
            waiting.append(asyncio.create_task(take(3)))
            await asyncio.sleep(0)
        await asyncio.gather(*waiting)
        assert done == [0, 3]
        await take(4)

    asyncio.run(work())


def test_a_sign_in_that_would_wait_too_long_is_told_to_come_again(monkeypatch: pytest.MonkeyPatch) -> None:
    async def work() -> None:
        turns = Turns(1, 0)
        monkeypatch.setattr(sessions, "turn", turns)
        async with turns:
            assert (await refusal(optional_redis=None)).status == 503

    asyncio.run(work())


def test_a_redis_that_hangs_is_asked_once_by_all_who_sign_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(optional_redis, "TIMEOUT_S", 0.1)
    monkeypatch.setattr(optional_redis, "PAUSE_S", 3600.0)

    async def work() -> None:
        asked = list[asyncio.Task[None] | None]()

        async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            asked.append(asyncio.current_task())
            await reader.read()
            writer.close()
            await writer.wait_closed()

        server = await asyncio.start_server(say_nothing, "127.0.0.1", 0)
        url = f"redis://api@127.0.0.1:{server.sockets[0].getsockname()[1]}/0"
        async with server, open_redis(RedisSettings(url, Live(("secret",)), None)) as redis:
            limited = OptionalRedis(redis)
            for _ in range(3):
                assert (await refusal(optional_redis=limited)).status == 401
        await asyncio.wait_for(asyncio.gather(*filter(None, asked)), 60)
        assert len(asked) == 1

    asyncio.run(work())


def test_another_address_of_ones_own_network_is_no_other_client() -> None:
    counted = list[tuple[str, str]]()

    async def take(kind: str, who: str, _address: str) -> None:
        counted.append((kind, who))

    async def ask(address: str) -> SignInThrottle:
        request = Request({"type": "http", "client": (address, 1), "headers": []})
        settings = SimpleNamespace(trusted_proxies=())
        services = cast("Any", SimpleNamespace(settings=settings, limits=SimpleNamespace(take=take)))
        return SignInThrottle(cast("Any", None), "ada@example.test", await sessions.limit_client(request, services))

    one, other = asyncio.run(ask("2001:db8:1:2::1")), asyncio.run(ask("2001:db8:1:2::2"))
    assert counted[0] == counted[1]
    assert one._key == other._key
