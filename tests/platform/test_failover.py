"""Redis loses its primary on a real instance: who takes over, who follows, and how it comes back."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import redis

from system.common.config import RedisSettings, Sentinels
from system.common.database import open_redis
from system.common.live import Live
from system.platforms.local.layout import Layout
from system.platforms.local.redis_primary import Memory, primary, sentinel_file
from tests.platform.bench import Running, redis_client
from tests.waiting import wait_for

SENTINELS = ("sentinel-1", "sentinel-2", "sentinel-3")


def role(running: Running, part: str) -> str:
    return str(running.part(part)["role"])


class Writer:
    """A service's client that writes as long as the test lasts, and keeps what was acknowledged."""

    def __init__(self, running: Running) -> None:
        places = tuple((str(each.address), each.port) for each in map(running.layout.addresses.endpoint, SENTINELS))
        password = (running.layout.secrets / "redis-worker").read_text()
        url = f"rediss://worker@{running.layout.addresses.endpoint('redis')}/0"
        ca = running.layout.ca / "root.crt"
        self._settings = RedisSettings(url, Live((password,)), ca, Sentinels("seatrial", places))
        self._stop = threading.Event()
        self.acknowledged: list[str] = []
        self.thread = threading.Thread(target=lambda: asyncio.run(self._write()))

    async def _write(self) -> None:
        number = 0
        async with open_redis(self._settings) as client:
            while not self._stop.is_set():
                key = f"worker:test-{number}"
                number += 1
                try:
                    await client.set(key, "1", ex=60)
                except redis.exceptions.RedisError:
                    await asyncio.sleep(0.05)
                    continue
                self.acknowledged.append(key)
                await asyncio.sleep(0.005)

    def goes_on(self) -> None:
        """Wait for an acknowledgement from now on."""
        before = len(self.acknowledged)
        wait_for(lambda: len(self.acknowledged) > before)

    @classmethod
    @contextmanager
    def at_work(cls, running: Running) -> Iterator["Writer"]:
        writer = cls(running)
        writer.thread.start()
        try:
            writer.goes_on()
            yield writer
        finally:
            writer._stop.set()
            writer.thread.join()


def lost(running: Running, writer: Writer) -> list[str]:
    """Name the acknowledged writes that are neither with the primary nor with its replica."""
    missing = []
    for part in ("redis", "redis-replica"):
        with redis_client(running, part) as client:
            missing += [key for key in writer.acknowledged if not client.exists(key)]
    return missing


def test_a_lost_primary_is_replaced_clients_follow_and_it_returns_as_the_replica(running: Running) -> None:
    with Writer.at_work(running) as writer:
        running.post("kill", {"part": "redis", "stay_down": True})
        wait_for(lambda: role(running, "redis-replica") == "primary")
        writer.goes_on()
        assert running.post("start", {"part": "redis"})["state"] == "ready"
        assert role(running, "redis") == "replica"
        assert running.post("switchover", {"to": "redis"})["previous"] == "redis-replica"
        writer.goes_on()
    assert role(running, "redis-replica") == "replica"
    with redis_client(running, "redis-replica") as client:
        assert client.execute_command("ROLE")[0] == "slave"


def test_a_switchover_loses_no_acknowledged_write(running: Running) -> None:
    with Writer.at_work(running) as writer:
        for part in ("redis-replica", "redis"):
            running.post("switchover", {"to": part})
            writer.goes_on()
    assert len(writer.acknowledged) > 3
    running.post("switchover", {"to": "redis"})  # returns once the replica has everything
    assert lost(running, writer) == []


def test_a_frozen_primary_that_was_replaced_is_no_second_primary_for_long(running: Running) -> None:
    running.post("pause", {"part": "redis"})
    wait_for(lambda: role(running, "redis-replica") == "primary")
    running.post("resume", {"part": "redis"})
    with redis_client(running, "redis") as client:
        wait_for(lambda: demoted(client), 30)


def demoted(client: Any) -> bool:
    try:
        return bool(client.execute_command("ROLE")[0] == "slave")
    except redis.exceptions.ConnectionError:
        return False  # the change of its role ends every connection


def test_a_restart_on_purpose_is_no_failover(running: Running) -> None:
    for _ in range(3):
        assert running.post("restart", {"part": "redis"})["ready"]
    assert role(running, "redis") == "primary"
    with redis_client(running, "sentinel-1") as client:
        assert client.execute_command("SENTINEL", "CKQUORUM", "seatrial")
        (watched,) = client.sentinel_masters().values()
    assert watched["down-after-milliseconds"] == 1500
    assert watched["is_master"]


def test_a_switchover_to_what_has_no_role_is_refused(running: Running) -> None:
    answer = running.ask("POST", "switchover", {"to": "s3"})
    assert answer.status_code == 400
    assert answer.json()["error"] == "only postgres, postgres-standby, redis, redis-replica can be a primary, not 's3'"


@pytest.mark.parametrize("part", SENTINELS)
def test_a_sentinel_tells_a_service_where_the_primary_is_and_takes_no_order_from_it(
    running: Running, part: str
) -> None:
    with redis_client(running, part, "api") as client:
        (watched,) = client.sentinel_masters().values()
        assert watched["port"] == running.layout.addresses.endpoint("redis").port
        for order in (("FAILOVER", "seatrial"), ("REMOVE", "seatrial"), ("SET", "seatrial", "quorum", "1")):
            with pytest.raises(redis.exceptions.NoPermissionError):
                client.execute_command("SENTINEL", *order)


@pytest.mark.parametrize("part", ["redis-replica", *SENTINELS])
def test_nobody_is_let_in_without_a_password(running: Running, part: str) -> None:
    endpoint = running.layout.addresses.endpoint(part)
    ca = str(running.layout.ca / "root.crt")
    with (
        redis.Redis(host=endpoint.address, port=endpoint.port, ssl=True, ssl_ca_certs=ca, protocol=2) as client,
        pytest.raises(redis.exceptions.AuthenticationError),
    ):
        client.ping()


def write(layout: Layout, sentinel: str, text: str) -> None:
    file = sentinel_file(layout, sentinel)
    file.parent.mkdir(parents=True)
    file.write_text(text)


def test_the_primary_is_whom_the_last_failover_has_made_it(layout: Layout) -> None:
    assert primary(layout) == "redis"
    write(layout, "sentinel-1", "sentinel monitor seatrial 127.77.0.20 1 2\nsentinel config-epoch seatrial 2\n")
    write(layout, "sentinel-3", "sentinel monitor seatrial 127.77.0.21 1 2\nsentinel config-epoch seatrial 10\n")
    assert primary(layout) == "redis-replica"
    known = Memory.read(sentinel_file(layout, "sentinel-1"))
    assert known
    assert known.epochs == {"config": 2, "leader": 0, "current": 0}


def test_a_sentinels_file_that_is_half_written_says_nothing(layout: Layout, tmp_path: Path) -> None:
    write(layout, "sentinel-1", "port 0\n")
    assert Memory.read(sentinel_file(layout, "sentinel-1")) is None
    assert Memory.read(tmp_path / "none") is None
    assert primary(layout) == "redis"
