"""The services' Redis client behind Sentinels, against small servers that speak the protocol."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from redis.exceptions import ConnectionError as LostError

from system.common.config import RedisSettings, Sentinels
from system.common.database import drop_connections, open_redis
from system.common.live import Live

Command = list[str]


@dataclass
class Server:
    """Answers each command by `answer`; keeps who signed in, and what was asked."""

    answer: Callable[[Command], str]
    port: int = 0
    users: list[tuple[str, ...]] = field(default_factory=list)
    asked: list[Command] = field(default_factory=list)
    open: list[asyncio.StreamWriter] = field(default_factory=list)

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.open.append(writer)
        try:
            while True:
                count = int((await reader.readuntil(b"\r\n"))[1:])
                words = []
                for _ in range(count):
                    length = int((await reader.readuntil(b"\r\n"))[1:])
                    words.append((await reader.readexactly(length + 2))[:-2].decode())
                writer.write(self.reply(words).encode())
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    def reply(self, words: Command) -> str:
        if words[0] == "AUTH":
            self.users.append(tuple(words[1:]))
            return "+OK\r\n"
        if words[0] == "HELLO":
            self.users += [tuple(words[3:5])] if "AUTH" in words else []
            return "%1\r\n$5\r\nproto\r\n:3\r\n"
        if words[0] == "CLIENT":
            return "+OK\r\n"
        self.asked.append(words)
        return self.answer(words)


@asynccontextmanager
async def serving(*servers: Server) -> AsyncIterator[None]:
    listeners = []
    for server in servers:
        listener = await asyncio.start_server(server.talk, "127.0.0.1", 0)
        server.port = listener.sockets[0].getsockname()[1]
        listeners.append(listener)
    try:
        yield
    finally:
        for listener in listeners:
            listener.close()
        for server in servers:
            for writer in server.open:
                writer.close()
        await asyncio.sleep(0)


def names(primary: Server, flags: str = "master") -> Callable[[Command], str]:
    """Answer SENTINEL MASTERS."""

    def answer(_: Command) -> str:
        known = {"name": "queue", "ip": "127.0.0.1", "port": primary.port, "flags": flags, "num-other-sentinels": 2}
        words = [str(each) for pair in known.items() for each in pair]
        return f"*1\r\n%{len(words) // 2}\r\n" + "".join(f"${len(word)}\r\n{word}\r\n" for word in words)

    return answer


def settings(*sentinels: Server, password: Path | None = None) -> RedisSettings:
    live: Live[tuple[str, ...]] = Live(("first",), tuple, [password] if password else [])
    places = tuple(("127.0.0.1", each.port) for each in sentinels)
    return RedisSettings("redis://worker@10.255.255.1:1/0", live, None, Sentinels("queue", places))


def pong(_: Command) -> str:
    return "+PONG\r\n"


def run(work: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(asyncio.wait_for(_awaited(work), 10))


async def _awaited(work: Callable[[], Awaitable[None]]) -> None:
    await work()


def test_the_sentinels_say_where_it_connects_and_both_get_the_services_own_user() -> None:
    async def work() -> None:
        primary = Server(pong)
        sentinel = Server(names(primary))
        async with serving(primary, sentinel), open_redis(settings(sentinel)) as redis:
            assert await redis.ping()
        assert primary.users == sentinel.users == [("worker", "first")]
        assert [words[:2] for words in sentinel.asked] == [["SENTINEL", "MASTERS"]]

    run(work)


def test_a_dead_sentinel_and_one_that_takes_the_primary_for_dead_are_passed_over() -> None:
    async def work() -> None:
        old, new = Server(pong), Server(pong)
        dead, late, right = Server(pong), Server(names(old, "s_down,master")), Server(names(new))
        async with serving(dead):
            pass
        async with serving(old, new, late, right), open_redis(settings(dead, late, right)) as redis:
            assert await redis.ping()
        assert (len(old.asked), len(new.asked)) == (0, 1)

    run(work)


def test_it_follows_a_primary_that_was_demoted_with_the_next_command() -> None:
    async def work() -> None:
        old, new = Server(lambda _: "-READONLY You can't write against a replica.\r\n"), Server(lambda _: "+OK\r\n")
        sentinel = Server(names(old))
        async with serving(old, new, sentinel), open_redis(settings(sentinel)) as redis:
            with pytest.raises(LostError, match="now a slave"):
                await redis.set("a", "1")
            sentinel.answer = names(new)
            await redis.set("a", "2")
        assert new.asked == [["SET", "a", "2"]]

    run(work)


def test_it_follows_when_the_old_primary_is_gone() -> None:
    async def work() -> None:
        old, new = Server(lambda _: "+OK\r\n"), Server(lambda _: "+OK\r\n")
        sentinel = Server(names(old))
        async with serving(new, sentinel), open_redis(settings(sentinel)) as redis:
            async with serving(old):
                await redis.set("a", "1")
            with pytest.raises(LostError):
                await redis.set("a", "2")
            sentinel.answer = names(new)
            await redis.set("a", "3")
        assert new.asked == [["SET", "a", "3"]]

    run(work)


def test_without_a_sentinel_it_says_that_none_answers() -> None:
    async def work() -> None:
        dead = Server(pong)
        async with serving(dead):
            pass
        async with open_redis(settings(dead)) as redis:
            with pytest.raises(LostError, match="No master found for 'queue'"):
                await redis.ping()

    run(work)


def test_after_a_rotation_the_sentinels_are_signed_in_to_anew_as_well(tmp_path: Path) -> None:
    password = tmp_path / "password"
    password.write_text("first")

    async def work() -> None:
        primary = Server(pong)
        sentinel = Server(names(primary))
        async with serving(primary, sentinel), open_redis(settings(sentinel, password=password)) as redis:
            await redis.ping()
            password.write_text("the second")
            await drop_connections(redis)
            await redis.ping()
        assert primary.users == sentinel.users == [("worker", "first"), ("worker", "the second")]

    run(work)
