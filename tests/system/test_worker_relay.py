"""Dead letters stay for as long as there is somebody to whom they matter, in a Redis of its own and with a worker's rights."""

import asyncio
import subprocess
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, cast
from uuid import UUID, uuid4

import pytest
import redis.asyncio
from redis.exceptions import RedisError

from system.common.database import Pool
from system.common.queue import DEAD_STREAM, STREAM
from system.platforms.local.parts.redis import _RULES
from system.platforms.local.programs import Programs
from system.worker import relay as module
from system.worker.relay import Relay

UP_WITHIN_S = 30.0


@pytest.fixture
def server() -> Iterator[Path]:
    """Run Redis; gives its socket, whose path must be short."""
    programs = Programs.find()
    with tempfile.TemporaryDirectory() as directory:
        path, users = Path(directory) / "redis.sock", Path(directory) / "users.acl"
        users.write_text(
            f"user default on nopass ~* &* +@all\nuser worker on nopass resetchannels {_RULES['worker']}\n"
        )
        options = f"--port 0 --unixsocket {path} --aclfile {users} --dir {directory} --appendonly no"
        environment = {"LD_LIBRARY_PATH": str(programs.redis_libraries)}
        with subprocess.Popen(
            [programs.redis, *options.split()], env=environment, stdout=subprocess.DEVNULL
        ) as process:
            try:
                yield path
            finally:
                process.terminate()


class Known(Relay):
    """A relay to whom Postgres names these jobs, and that keeps which it has asked for."""

    jobs: frozenset[UUID] = frozenset()

    def __init__(self, client: "redis.asyncio.Redis") -> None:
        super().__init__(cast("Pool", None), client, grace_s=1)
        self.asked: list[set[UUID]] = []

    async def _there(self, job_ids: set[UUID]) -> set[UUID]:
        self.asked.append(job_ids)
        return job_ids & self.jobs


def connected(server: Path, work: Callable[["redis.asyncio.Redis", Known], Awaitable[None]]) -> None:
    async def main() -> None:
        async with (
            asyncio.timeout(UP_WITHIN_S),
            redis.asyncio.Redis(
                unix_socket_path=str(server), username="worker", password="any", decode_responses=True
            ) as client,
        ):
            while not await _answers(client):  # noqa: ASYNC110 - the server tells nobody when it is up
                await asyncio.sleep(0.01)
            await work(client, Known(client))

    asyncio.run(main())


async def _answers(client: "redis.asyncio.Redis") -> bool:
    try:
        return bool(await client.ping())
    except RedisError:
        return False


NO_JOB: dict[Any, Any] = {"foo": "bar", "reason": "no job"}


def letter(job_id: UUID) -> dict[Any, Any]:
    return {"job_id": str(job_id), "asset_id": str(uuid4()), "trace": "", "entry": "1-0", "reason": "no"}


async def left(client: "redis.asyncio.Redis") -> list[str]:
    entries: Any = await client.xrange(DEAD_STREAM)
    return [fields.get("job_id", "") for _, fields in entries]


def test_a_letter_stays_until_its_job_is_gone_and_one_that_names_none_for_good(server: Path) -> None:
    kept, gone = uuid4(), uuid4()

    async def work(client: "redis.asyncio.Redis", relay: Known) -> None:
        for fields in (letter(kept), letter(gone), NO_JOB):
            await client.xadd(DEAD_STREAM, fields)
        relay.jobs = frozenset((kept, gone))
        assert await relay.drop_letters() == 0
        relay.jobs = frozenset((kept,))
        assert await relay.drop_letters() == 1
        assert await left(client) == [str(kept), ""]

    connected(server, work)


def test_where_there_are_no_letters_nothing_is_asked(server: Path) -> None:
    async def work(_client: "redis.asyncio.Redis", relay: Known) -> None:
        assert (await relay.drop_letters(), relay.asked) == (0, [])

    connected(server, work)


def test_every_page_of_letters_has_its_turn(server: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PAGE", 2)
    kept = [uuid4() for _ in range(4)]

    async def work(client: "redis.asyncio.Redis", relay: Known) -> None:
        relay.jobs = frozenset(kept)
        for job_id in (*kept, uuid4()):
            await client.xadd(DEAD_STREAM, letter(job_id))
        assert [await relay.drop_letters() for _ in range(4)] == [0, 0, 1, 0]
        assert await left(client) == [str(each) for each in kept]

    connected(server, work)


def test_what_is_on_the_stream_is_found_page_by_page(server: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PAGE", 2)
    jobs = {uuid4() for _ in range(5)}

    async def work(client: "redis.asyncio.Redis", relay: Known) -> None:
        for fields in (*(letter(each) for each in jobs), NO_JOB):
            await client.xadd(STREAM, fields)
        assert await relay._on_stream() == jobs

    connected(server, work)
