"""The API's limits, against the real server and with the rights that the API has there."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from uuid import uuid4

import pytest

from system.api.limits import Limit, RateLimits, parse_limit
from system.api.optional_redis import OptionalRedis
from system.api.throttle import FAILURES, SignInThrottle
from system.common.client import parse_networks
from system.common.config import RedisSettings
from system.common.database import Redis, open_redis
from system.common.live import Live
from system.common.problem import Problem
from system.platforms.local.ca import Authority
from tests.platform.bench import Running

ADDRESS = "2001:db8::1"
Ask = Callable[[Redis], Awaitable[object]]


@pytest.fixture
def ask(running: Running) -> Callable[[Ask], object]:
    """Let a coroutine work with a client that signs in as the API does."""
    layout = running.layout
    url = f"rediss://api@{layout.addresses.endpoint('redis')}/0"
    password = (layout.secrets / "redis-api").read_text().strip()
    settings = RedisSettings(url, Live((password,)), Authority(layout.ca).root_certificate)

    async def work(with_redis: Ask) -> object:
        async with open_redis(settings, read_timeout_s=10.0) as redis:
            return await with_redis(redis)

    return lambda with_redis: asyncio.run(work(with_redis))


def limits(redis: Redis, account: str = "1/s, 3 at once", unlimited: str = "192.0.2.0/24") -> RateLimits:
    client, networks = Limit(1, 60), parse_networks(unlimited)
    return RateLimits(OptionalRedis(redis), client=client, account=parse_limit(account), unlimited=networks)


async def refused(limiter: RateLimits, who: str, times: int, address: str = ADDRESS) -> list[str]:
    """Take so many times; return the Retry-After of each refusal."""
    found = []
    for _ in range(times):
        try:
            await limiter.take("account", who, address)
        except Problem as problem:
            found.append((problem.headers or {})["Retry-After"] if problem.status == 429 else str(problem.status))
    return found


def test_a_bucket_is_emptied_and_says_when_it_refills(ask: Callable[[Ask], object]) -> None:
    async def work(redis: Redis) -> None:
        assert await refused(limits(redis, "1/s, 30 at once"), str(uuid4()), 30) == []
        waits = await refused(limits(redis, "1/s, 1 at once"), who := str(uuid4()), 40)
        assert set(waits) == {"1"}
        assert await refused(limits(redis), str(uuid4()), 1) == []
        key = f"rate:account:{hashlib.sha256(who.encode()).hexdigest()[:32]}"
        assert 0 < await redis.pttl(key) <= 1_000

    ask(work)


def test_requests_from_an_unlimited_network_are_not_counted(ask: Callable[[Ask], object]) -> None:
    async def work(redis: Redis) -> None:
        who = str(uuid4())
        assert await refused(limits(redis), who, 50, address="192.0.2.9") == []
        assert await refused(limits(redis), who, 3) == []

    ask(work)


def test_without_redis_nobody_is_limited_and_it_is_left_alone_for_a_while() -> None:
    asked: list[str] = []

    class Away:
        async def eval(self, *_words: object) -> int:
            asked.append("asked")
            raise TimeoutError

    async def work() -> list[str]:
        limiter = limits(Away(), "1/s, 1 at once")  # type: ignore[arg-type]
        return await refused(limiter, "x", 5)

    assert asyncio.run(work()) == []
    assert asked == ["asked"]


def test_failed_sign_ins_always_have_a_time_to_live(ask: Callable[[Ask], object]) -> None:
    async def work(redis: Redis) -> None:
        throttle = SignInThrottle(OptionalRedis(redis), f"{uuid4()}@example.test", ADDRESS)
        key = throttle._key
        await throttle.failed()
        first = await redis.pttl(key)
        await throttle.failed()
        assert 0 < await redis.pttl(key) <= first <= 60_000
        await redis.persist(key)
        for _ in range(FAILURES - 2):
            await throttle.failed()
        assert await redis.get(key) == str(FAILURES)
        assert 0 < await redis.pttl(key) <= 60_000
        with pytest.raises(Problem, match="Too many failed sign-ins"):
            await throttle.check()

    ask(work)


@pytest.mark.parametrize("text", ["", "10/s", "0/s, 4 at once", "1/s, 61 at once", "1/s, 5 at once "])
def test_a_limit_that_makes_no_sense_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"at once|more than a minute"):
        parse_limit(text)
