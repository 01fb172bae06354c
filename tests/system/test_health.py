"""Readiness: names what is lost, in time, and never with an old answer."""

import asyncio
import errno
from types import SimpleNamespace

import pytest

from system.common.health import Readiness


async def fine() -> None:
    return None


async def broken() -> None:
    raise ConnectionRefusedError


async def stubborn() -> None:
    """Hang, and do not heed being cancelled at once, as a driver does that waits for its server."""
    try:
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        await asyncio.wait_for(asyncio.Event().wait(), 0.2)


def test_names_every_dependency_with_its_state() -> None:
    async def scenario() -> None:
        report = await Readiness({"a": fine, "b": broken, "c": stubborn}, timeout_s=0.05).report()
        assert report.status_code == 503
        assert report.body == {
            "status": "unavailable",
            "dependencies": {
                "a": {"ok": True, "detail": ""},
                "b": {"ok": False, "detail": "ConnectionRefusedError"},
                "c": {"ok": False, "detail": "no answer within 0.05 s"},
            },
        }

    asyncio.run(scenario())


def test_what_the_service_can_spare_is_named_and_does_not_make_it_unready() -> None:
    async def full() -> None:
        raise OSError(errno.ENOSPC, "somewhere")

    async def scenario() -> None:
        report = await Readiness({"a": fine, "b": full}, spared=("b",)).report()
        assert (report.status_code, report.body["status"]) == (200, "degraded")
        assert report.body["dependencies"]["b"] == {"ok": False, "detail": "OSError (No space left on device)"}
        assert (await Readiness({"a": broken, "b": full}, spared=("b",)).report()).status_code == 503

    asyncio.run(scenario())


def test_asks_at_the_same_time_and_once_for_callers_at_the_same_time() -> None:
    async def scenario() -> int:
        calls, both = 0, asyncio.Barrier(2)

        async def meet() -> None:
            nonlocal calls
            calls += 1
            await both.wait()

        readiness = Readiness({"a": meet, "b": meet})
        reports = await asyncio.gather(*(readiness.report() for _ in range(5)))
        assert {report.status_code for report in reports} == {200}
        return calls

    assert asyncio.run(scenario()) == 2


def test_an_old_answer_is_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        now_s, state = 100.0, broken

        async def probe() -> None:
            await state()

        monkeypatch.setattr("system.common.health.time", SimpleNamespace(monotonic=lambda: now_s))
        readiness = Readiness({"a": probe})
        assert (await readiness.report()).status_code == 503
        state, now_s = fine, now_s + 0.9
        assert (await readiness.report()).status_code == 503
        now_s += 0.2
        assert (await readiness.report()).status_code == 200

    asyncio.run(scenario())
