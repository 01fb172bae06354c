"""However many ask at once: only a Redis that does not answer opens the limits. Against a real server."""

import asyncio
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from system.api.limits import Limit, RateLimits
from system.api.optional_redis import AT_ONCE, OptionalRedis
from system.api.services import open_services
from system.api.settings import read_settings
from system.common.config import RedisSettings
from system.common.database import open_redis
from system.common.live import Live
from system.common.problem import Problem
from system.platforms.local.programs import Programs
from tests.waiting import wait_for

PASSWORD, KEY = "a-password-of-this-test", "a key of this test, long enough!"
ADDRESS = "2001:db8::1"


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    """Run a server of its own."""
    programs = Programs.find()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    settings = {"port": port, "bind": "127.0.0.1", "dir": tmp_path, "requirepass": PASSWORD, "save": ""}
    process = subprocess.Popen(
        [programs.redis, *(word for name, value in settings.items() for word in (f"--{name}", str(value)))],
        env={"LD_LIBRARY_PATH": str(programs.redis_libraries)},
        stdout=subprocess.DEVNULL,
    )
    try:
        wait_for(lambda: answers(port))
        yield f"redis://default@127.0.0.1:{port}/0"
    finally:
        process.terminate()
        process.wait()


def answers(port: int) -> bool:
    with redis.Redis(port=port, password=PASSWORD) as client:
        try:
            return bool(client.ping())
        except redis.ConnectionError:
            return False


async def passes(limits: RateLimits) -> bool:
    try:
        await limits.take("client", ADDRESS, ADDRESS)
    except (Problem, TimeoutError):
        return False
    return True


async def passes_busily(limits: RateLimits) -> bool:
    time.sleep(0.001)  # noqa: ASYNC251 - what else a request costs this process
    return await passes(limits)


def test_however_many_ask_at_once_no_more_pass_than_the_limit_allows(url: str) -> None:
    async def work() -> None:
        async with open_redis(RedisSettings(url, Live((PASSWORD,)), None), max_connections=2 * AT_ONCE) as client:
            limit = Limit(1, 60)
            limits = RateLimits(OptionalRedis(client), client=limit, account=limit, unlimited=())
            started_s = time.monotonic()
            passed = await asyncio.gather(*(passes_busily(limits) for _ in range(700)))
            assert 0 < passed.count(True) <= 60 + (time.monotonic() - started_s)

    asyncio.run(work())


def test_neither_limits_nor_readiness_share_connections_with_what_else_asks(url: str) -> None:
    settings = read_settings(
        {
            "RELEASE": "test",
            "LISTEN_HOST": "127.0.0.1",
            "LISTEN_PORT": "1",
            "DATABASE_URL": "postgresql://api@127.0.0.1:9/none",
            "DATABASE_PASSWORD": PASSWORD,
            "REDIS_URL": url,
            "REDIS_PASSWORD": PASSWORD,
            "S3_ENDPOINT": "http://127.0.0.1:9",
            "S3_REGION": "here",
            "S3_ACCESS_KEY": "access",
            "S3_SECRET_KEY": PASSWORD,
            **{f"BUCKET_{name}": name.lower() for name in ("STAGING", "MASTERS", "PREVIEWS")},
            "JWT_KEY": f"one:{KEY.encode().hex()}",
            "LINK_KEYS": f"one:{KEY.encode().hex()}",
            "API_ORIGIN": "https://api.example.test",
            "PLAY_ORIGIN": "https://play.example.test",
            "MASTER_RETENTION_S": "1",
            "CLIENT_LIMIT": "1/s, 3 at once",
        }
    )

    async def work() -> None:
        async with open_services(settings) as services:
            pool: Any = services.redis.connection_pool  # redis-py leaves its calls untyped
            pool.connection_kwargs["socket_connect_timeout"] = 30.0  # a machine full of tests connects late
            taken = [await pool.get_connection() for _ in range(pool.max_connections)]
            passed = [await passes(services.limits) for _ in range(4)]
            report = await services.readiness.report()
            for connection in taken:
                await pool.release(connection)
            assert passed == [True, True, True, False]
            assert report.body["dependencies"]["redis"]["ok"]

    asyncio.run(work())
