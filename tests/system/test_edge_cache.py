"""The cache fills once, stays within its bound, notices changes, and outlives the store and itself."""

import asyncio
import errno
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from system.common.config import ConfigError
from system.common.s3 import StoreUnavailableError
from system.edge import cache as module
from system.edge.cache import DiskCache
from system.edge.errors import ObjectMissingError, ObjectSlowError, ObjectUnavailableError
from system.edge.origin import ObjectHead

from .edge_source import MemorySource

Scenario = Callable[[DiskCache, MemorySource], Awaitable[None]]


class Clock:
    """Stands in for time.monotonic and moves when told to."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def monotonic(self) -> float:
        return self.now_s


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    fake = Clock()
    monkeypatch.setattr(module, "time", fake)
    return fake


def play(directory: Path, scenario: Scenario, max_bytes: int = 100) -> None:
    async def run() -> None:
        source = MemorySource()
        source.objects = {"a": b"a" * 40, "b": b"b" * 40, "c": b"c" * 40, "huge": b"h" * 101}
        cache = DiskCache(directory, max_bytes, source)
        cache.load()
        await scenario(cache, source)

    asyncio.run(run())


async def content(cache: DiskCache, key: str) -> bytes:
    path = (await cache.get(key)).path
    assert path is not None
    return path.read_bytes()


def on_disk(directory: Path) -> int:
    return sum(path.stat().st_size for path in directory.iterdir())


def files(directory: Path) -> int:
    return len(list(directory.iterdir()))


def test_an_object_is_fetched_once_and_then_served_from_the_disk(tmp_path: Path, clock: Clock) -> None:
    async def scenario(cache: DiskCache, source: MemorySource) -> None:
        for _ in range(3):
            assert await content(cache, "a") == b"a" * 40
        assert source.calls["fetch"] == 1

    play(tmp_path, scenario)


def test_simultaneous_requests_share_one_fetch(tmp_path: Path, clock: Clock) -> None:
    async def scenario(cache: DiskCache, source: MemorySource) -> None:
        source.gate.clear()
        waiting = [asyncio.create_task(cache.get("a")) for _ in range(20)]
        await asyncio.sleep(0)
        source.gate.set()
        await asyncio.gather(*waiting)
        assert source.calls["fetch"] == 1

    play(tmp_path, scenario)


def test_a_caller_who_leaves_does_not_take_the_fetch_along(tmp_path: Path, clock: Clock) -> None:
    async def scenario(cache: DiskCache, source: MemorySource) -> None:
        source.gate.clear()
        leaving, staying = asyncio.create_task(cache.get("a")), asyncio.create_task(cache.get("a"))
        await asyncio.sleep(0)
        leaving.cancel()
        source.gate.set()
        assert (await staying).head.size == 40
        assert leaving.cancelled()

    play(tmp_path, scenario)


def test_the_least_recently_used_object_makes_room(tmp_path: Path, clock: Clock) -> None:
    async def scenario(cache: DiskCache, source: MemorySource) -> None:
        for key in ("a", "b", "a", "c"):
            await cache.get(key)
        assert files(tmp_path) == 2
        source.calls.clear()
        await cache.get("a")
        await cache.get("c")
        assert source.calls["fetch"] == 0
        await cache.get("b")
        assert source.calls["fetch"] == 1

    play(tmp_path, scenario)


def test_an_object_larger_than_the_cache_is_left_in_the_store(tmp_path: Path, clock: Clock) -> None:
    async def scenario(cache: DiskCache, source: MemorySource) -> None:
        await cache.get("a")
        assert (await cache.get("huge")).path is None
        assert await content(cache, "a") == b"a" * 40
        assert files(tmp_path) == 1

    play(tmp_path, scenario)


def test_simultaneous_fills_do_not_exceed_the_bound_together(tmp_path: Path, clock: Clock) -> None:
    async def scenario(cache: DiskCache, source: MemorySource) -> None:
        found = await asyncio.gather(*(cache.get(key) for key in ("a", "b", "c")))
        assert sum(item.head.size for item in found if item.path is not None) <= 100
        assert on_disk(tmp_path) <= 100

    play(tmp_path, scenario)


def test_the_store_is_asked_again_after_ten_seconds_and_not_before(tmp_path: Path, clock: Clock) -> None:
    async def scenario(cache: DiskCache, source: MemorySource) -> None:
        await cache.get("a")
        source.objects["a"] = b"new"
        clock.now_s += 9.9
        assert await content(cache, "a") == b"a" * 40
        clock.now_s += 0.2
        assert await content(cache, "a") == b"new"
        assert files(tmp_path) == 1

    play(tmp_path, scenario)


def test_a_deleted_object_leaves_the_cache(tmp_path: Path, clock: Clock) -> None:
    async def scenario(cache: DiskCache, source: MemorySource) -> None:
        await cache.get("a")
        del source.objects["a"]
        clock.now_s += 11
        with pytest.raises(ObjectMissingError):
            await cache.get("a")
        assert files(tmp_path) == 0

    play(tmp_path, scenario)


def test_a_cached_object_outlives_the_store(tmp_path: Path, clock: Clock) -> None:
    async def scenario(cache: DiskCache, source: MemorySource) -> None:
        await cache.get("a")
        source.down = True
        clock.now_s += 3600
        assert await content(cache, "a") == b"a" * 40
        with pytest.raises(StoreUnavailableError):
            await cache.get("b")

    play(tmp_path, scenario)


def test_a_store_that_is_down_is_not_asked_for_each_request(tmp_path: Path, clock: Clock) -> None:
    async def scenario(cache: DiskCache, source: MemorySource) -> None:
        source.down = True
        for key in ("a", "b", "c", "a"):
            with pytest.raises(StoreUnavailableError):
                await cache.get(key)
        assert source.calls["head"] == 1
        source.down = False
        clock.now_s += 2.1
        assert await content(cache, "a") == b"a" * 40

    play(tmp_path, scenario)


def test_an_object_that_cannot_be_had_costs_no_other_one(tmp_path: Path, clock: Clock) -> None:
    class Broken(MemorySource):
        async def fetch(self, key: str, head: ObjectHead, path: Path) -> None:
            await super().fetch(key, head, path)
            if key == "a":
                raise ObjectUnavailableError("its SHA-256 is not the recorded one")

    async def scenario() -> None:
        source = Broken()
        source.objects = {"a": b"a" * 40, "b": b"b" * 40}
        cache = DiskCache(tmp_path, 100, source)
        for _ in range(3):
            with pytest.raises(StoreUnavailableError):
                await cache.get("a")
        assert source.calls["fetch"] == 1
        assert await content(cache, "b") == b"b" * 40
        clock.now_s += 2.1
        with pytest.raises(StoreUnavailableError):
            await cache.get("a")
        assert source.calls["fetch"] == 3

    asyncio.run(scenario())


def test_an_object_that_changes_while_it_is_fetched_is_fetched_again(tmp_path: Path, clock: Clock) -> None:
    class Changing(MemorySource):
        async def fetch(self, key: str, head: ObjectHead, path: Path) -> None:
            self.objects[key] = b"second"
            await super().fetch(key, head, path)

    async def scenario() -> None:
        source = Changing()
        source.objects["a"] = b"first"
        assert await content(DiskCache(tmp_path, 100, source), "a") == b"second"

    asyncio.run(scenario())


def test_a_restart_keeps_the_objects_and_sweeps_unfinished_files(tmp_path: Path, clock: Clock) -> None:
    async def first(cache: DiskCache, source: MemorySource) -> None:
        await cache.get("a")
        (tmp_path / ".part-0123").write_bytes(b"half")
        (tmp_path / ".room-0123").write_bytes(b"asked")

    async def second(cache: DiskCache, source: MemorySource) -> None:
        assert files(tmp_path) == 1
        assert await content(cache, "a") == b"a" * 40
        assert (source.calls["head"], source.calls["fetch"]) == (1, 0)

    play(tmp_path, first)
    play(tmp_path, second)


@pytest.mark.parametrize("name", ["stray", ".part-folder/", "folder/", "YQ.YQ/"])
def test_a_directory_that_holds_anything_else_is_refused_and_nothing_of_it_touched(
    tmp_path: Path, clock: Clock, name: str
) -> None:
    (tmp_path / ".part-0123").write_bytes(b"half")
    if name.endswith("/"):
        (tmp_path / name).mkdir()
    else:
        (tmp_path / name).write_bytes(b"not ours")

    async def scenario(cache: DiskCache, source: MemorySource) -> None:
        pytest.fail("it was taken for the edge's")

    with pytest.raises(ConfigError, match=f"CACHE_DIR: {tmp_path} holds '{name.rstrip('/')}', which is no file of the"):
        play(tmp_path, scenario)
    assert files(tmp_path) == 2


def test_what_a_file_system_has_of_its_own_is_left_alone(tmp_path: Path, clock: Clock) -> None:
    (tmp_path / "lost+found").mkdir()

    async def scenario(cache: DiskCache, source: MemorySource) -> None:
        assert await content(cache, "a") == b"a" * 40
        assert files(tmp_path) == 2

    play(tmp_path, scenario)


def test_a_restart_with_a_smaller_bound_evicts(tmp_path: Path, clock: Clock) -> None:
    async def fill(cache: DiskCache, source: MemorySource) -> None:
        await cache.get("a")
        await cache.get("b")

    async def shrunk(cache: DiskCache, source: MemorySource) -> None:
        assert files(tmp_path) == 1

    play(tmp_path, fill)
    play(tmp_path, shrunk, max_bytes=50)


def test_a_disk_that_takes_nothing_costs_the_cache_and_no_play(tmp_path: Path, clock: Clock) -> None:
    class Full(MemorySource):
        full = True

        async def fetch(self, key: str, head: ObjectHead, path: Path) -> None:
            await super().fetch(key, head, path)
            if self.full:
                raise OSError(errno.ENOSPC, "No space left on device")

    async def scenario() -> None:
        source = Full()
        source.objects = {"a": b"a" * 40}
        cache = DiskCache(tmp_path, 100, source)
        for _ in range(3):
            assert (await cache.get("a")).path is None
        assert (files(tmp_path), source.calls["fetch"]) == (0, 1)
        source.full = False
        clock.now_s += 4.9
        assert (await cache.get("a")).path is None
        clock.now_s += 0.2
        assert await content(cache, "a") == b"a" * 40

    asyncio.run(scenario())


def test_an_object_that_is_filled_slowly_is_read_from_the_store_meanwhile(
    tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "FILL_PATIENCE_S", 0.01)

    class Slow(MemorySource):
        filling = asyncio.Event()

        async def fetch(self, key: str, head: ObjectHead, path: Path) -> None:
            await self.filling.wait()
            await super().fetch(key, head, path)

    async def scenario() -> None:
        source = Slow()
        source.objects["a"] = b"a" * 40
        cache = DiskCache(tmp_path, 100, source)
        for _ in range(2):
            item = await asyncio.wait_for(cache.get("a"), 20)
            assert (item.path, item.head.size) == (None, 40)
        source.filling.set()
        await asyncio.gather(*cache._flights.values())
        assert await content(cache, "a") == b"a" * 40
        assert source.calls["fetch"] == 1

    asyncio.run(scenario())


def test_an_object_that_could_not_be_filled_in_time_is_read_from_the_store(tmp_path: Path, clock: Clock) -> None:
    class Slow(MemorySource):
        async def fetch(self, key: str, head: ObjectHead, path: Path) -> None:
            await super().fetch(key, head, path)
            raise ObjectSlowError("no answer within 120 s")

    async def scenario() -> None:
        source = Slow()
        source.objects["a"] = b"a" * 40
        cache = DiskCache(tmp_path, 100, source)
        for later_s, fetches in ((0, 1), (599, 1), (2, 2)):
            clock.now_s += later_s
            assert (await cache.get("a")).path is None
            assert (files(tmp_path), source.calls["fetch"]) == (0, fetches)

    asyncio.run(scenario())


def test_a_directory_that_cannot_be_written_fails_the_probe(tmp_path: Path, clock: Clock) -> None:
    async def scenario(cache: DiskCache, source: MemorySource) -> None:
        await cache.probe()
        assert files(tmp_path) == 0
        await asyncio.to_thread(tmp_path.rmdir)
        with pytest.raises(OSError, match="No such file or directory"):
            await cache.probe()

    play(tmp_path, scenario)


def test_a_cached_object_is_given_while_the_store_hangs(
    tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PATIENCE_S", 0.01)

    async def scenario(cache: DiskCache, source: MemorySource) -> None:
        await cache.get("a")
        source.objects["a"] = b"new"
        source.gate.clear()
        clock.now_s += 11
        assert await content(cache, "a") == b"a" * 40
        source.gate.set()
        await asyncio.gather(*cache._flights.values())
        assert await content(cache, "a") == b"new"

    play(tmp_path, scenario)


def test_a_store_that_is_known_to_be_down_holds_no_cached_object_up(
    tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario(cache: DiskCache, source: MemorySource) -> None:
        await cache.get("a")
        source.down = True
        with pytest.raises(StoreUnavailableError):
            await cache.get("b")
        monkeypatch.setattr(module, "PATIENCE_S", 3600.0)  # whoever waited would wait for ever
        source.gate.clear()
        clock.now_s += 11
        assert await content(cache, "a") == b"a" * 40
        source.down = False
        source.gate.set()
        await asyncio.gather(*cache._flights.values())
        source.objects["a"] = b"new"
        clock.now_s += 11
        assert await content(cache, "a") == b"new"

    play(tmp_path, scenario)


def test_an_object_that_is_being_replaced_is_waited_for(
    tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PATIENCE_S", 0.01)

    class Slow(MemorySource):
        filling = asyncio.Event()

        async def fetch(self, key: str, head: ObjectHead, path: Path) -> None:
            if head.size == 3:
                await self.filling.wait()
            await super().fetch(key, head, path)

    async def scenario() -> None:
        source = Slow()
        source.objects["a"] = b"first"
        cache = DiskCache(tmp_path, 100, source)
        await cache.get("a")
        source.objects["a"] = b"new"
        clock.now_s += 11
        asyncio.get_running_loop().call_later(0.05, source.filling.set)
        assert await content(cache, "a") == b"new"

    asyncio.run(scenario())
