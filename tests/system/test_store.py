"""A store that takes connections and never answers costs its callers a bounded wait, and nobody else anything."""

import asyncio
import socket
import threading
from collections.abc import Awaitable, Callable, Iterator

import pytest

from system.common.config import StorageSettings
from system.common.live import Live
from system.common.s3 import ObjectStore, StoreUnavailableError

Scenario = Callable[[ObjectStore], Awaitable[None]]


@pytest.fixture
def silent() -> Iterator[str]:
    """Listen and never answer; the kernel takes the connections, as it does for a frozen process."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


def ask(endpoint: str, scenario: Scenario, *, read_timeout_s: float = 0.2, limit_s: float = 5.0) -> None:
    async def run() -> None:
        pair = Live(("access", "secret"))
        settings = StorageSettings(endpoint, "https://s3.test", "here", pair, "staging", "masters", "previews")
        store = ObjectStore(settings, threads=1, read_timeout_s=read_timeout_s, attempts=1, limit_s=limit_s)
        try:
            await scenario(store)
        finally:
            store.close()

    asyncio.run(run())


def test_a_call_that_is_not_answered_ends_by_itself(silent: str) -> None:
    async def scenario(store: ObjectStore) -> None:
        with pytest.raises(StoreUnavailableError, match="Read timeout"):
            await store.run(lambda s3: s3.head_bucket(Bucket="staging"))

    ask(silent, scenario)


def test_a_caller_waits_no_longer_than_the_limit_though_the_call_goes_on(silent: str) -> None:
    go_on = threading.Event()

    async def scenario(store: ObjectStore) -> None:
        await store.run(lambda _s3: None)  # the client is built
        try:
            for _ in range(2):
                with pytest.raises(StoreUnavailableError, match="no answer within"):
                    await store.run(lambda _s3: go_on.wait(), 0.01)
        finally:
            go_on.set()

    ask(silent, scenario)


def test_links_are_signed_while_every_thread_waits_for_the_store(silent: str) -> None:
    go_on = threading.Event()

    async def scenario(store: ObjectStore) -> None:
        hanging = asyncio.create_task(store.run(lambda _s3: go_on.wait()))
        await asyncio.sleep(0)
        try:
            signing = store.presign(
                lambda s3: s3.generate_presigned_url("get_object", Params={"Bucket": "b", "Key": "k"})
            )
            (url,) = await asyncio.wait_for(signing, 60)
            assert url.startswith("https://s3.test/b/k?")
            assert not hanging.done()
        finally:
            go_on.set()
        await hanging

    ask(silent, scenario, limit_s=120.0)


def test_who_has_little_to_sign_does_not_wait_for_all_that_others_have(silent: str) -> None:
    async def scenario(store: ObjectStore) -> None:
        signed = list[str]()
        many = store.presign(*[lambda _s3: signed.append("many")] * 20)
        await asyncio.gather(many, store.presign(lambda _s3: signed.append("one")))
        assert signed.index("one") == 1

    ask(silent, scenario, limit_s=120.0)


def test_a_caller_waits_no_longer_than_the_limit_for_a_signature(silent: str) -> None:
    go_on = threading.Event()

    async def scenario(store: ObjectStore) -> None:
        assert store.presigner  # it is built
        hanging = asyncio.create_task(store.presign(lambda _s3: go_on.wait()))
        await asyncio.sleep(0)
        try:
            with pytest.raises(StoreUnavailableError, match="not signed within"):
                await asyncio.wait_for(store.presign(lambda _s3: None), 60)
            with pytest.raises(StoreUnavailableError, match="not signed within"):
                await hanging
        finally:
            go_on.set()

    ask(silent, scenario, limit_s=0.01)
