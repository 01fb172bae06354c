"""Streams of events: one account cannot hold all of them, a database that is away ends none, the end of a session does."""

import asyncio
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, cast

import psycopg
import pytest

from system.api import events
from system.api.tokens import Claims
from system.common.problem import Problem

STATE = {"status": "uploading", "progress": 0}


@pytest.fixture(autouse=True)
def _nobody_watches() -> Iterator[None]:
    events.open_streams.clear()
    yield
    events.open_streams.clear()


async def row(_query: object, _values: object) -> dict[str, object]:
    return STATE


async def at_once(_seconds: float) -> bool:
    return False


SERVICES = cast("Any", SimpleNamespace(row=row))


async def watch(account: str) -> Any:
    answer = cast("Any", await events.follow_asset("asset", Claims(account, "session"), SERVICES))
    await anext(answer.body_iterator)
    return answer.body_iterator


def refusal(account: str) -> Problem:
    with pytest.raises(Problem) as caught:
        asyncio.run(watch(account))
    return caught.value


def test_an_account_is_refused_one_more_and_others_are_not() -> None:
    async def work() -> None:
        streams = [await watch("a") for _ in range(events.STREAMS_EACH)]
        with pytest.raises(Problem) as caught:
            await watch("a")
        assert (caught.value.status, caught.value.headers) == (429, {"Retry-After": "5"})
        streams.append(await watch("b"))
        await streams.pop(0).aclose()
        streams.append(await watch("a"))
        for stream in streams:
            await stream.aclose()
        assert not events.open_streams

    asyncio.run(work())


def test_many_accounts_together_are_refused_as_long_as_the_instance_is_full() -> None:
    events.open_streams.update({f"account {number}": 10 for number in range(events.STREAMS // 10)})
    assert refusal("another").status == 503


def test_a_stream_outlives_a_database_that_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "wait_or_draining", at_once)
    states = iter([STATE, psycopg.OperationalError("the server is gone"), {"status": "ready", "progress": 100}])

    async def away(_query: object, _values: object) -> dict[str, object]:
        state = next(states)
        if isinstance(state, Exception):
            raise state
        return cast("dict[str, object]", state)

    async def work() -> list[str]:
        answer = await events.follow_asset("asset", Claims("a", "session"), cast("Any", SimpleNamespace(row=away)))
        return [str(each) async for each in cast("Any", answer).body_iterator]

    first, last = asyncio.run(work())
    assert '"uploading"' in first
    assert '"ready"' in last


def test_a_stream_ends_with_its_session(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "wait_or_draining", at_once)
    monkeypatch.setattr(events, "SESSION_CHECK_S", -1.0)
    sessions, states = iter([STATE, None]), iter([STATE, STATE, {"status": "ready", "progress": 100}])

    async def ended(query: object, _values: object) -> dict[str, object] | None:
        return next(sessions if "from sessions" in str(query) else states)

    async def work() -> list[str]:
        services = cast("Any", SimpleNamespace(row=ended))
        answer = await events.follow_asset("asset", Claims("a", "session"), services)
        return [str(each) async for each in cast("Any", answer).body_iterator]

    assert [each.partition("event:")[2] for each in asyncio.run(work())] == [
        ' asset\ndata: {"status": "uploading", "progress": 0}\n\n'
    ]
