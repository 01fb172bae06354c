"""What the store sends is compared with what it promised before anybody sees it."""

import asyncio
import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from system.common.config import StorageSettings
from system.common.s3 import ObjectStore, StoreUnavailableError
from system.edge.errors import ObjectChangedError, ObjectMissingError, ObjectSlowError, ObjectUnavailableError
from system.edge.origin import ObjectHead, Origin

from .store_stand_in import WITHIN_S, StandIn

KEY = "previews/0f8fad5b-d9cb-469f-a165-70867728950e/preview.mp4"
VIDEO = bytes(range(256)) * 2048
OTHER = VIDEO[:-1] + b"\0"
MD5 = f'"{hashlib.md5(VIDEO, usedforsecurity=False).hexdigest()}"'
RECORDED = ObjectHead(len(VIDEO), MD5, hashlib.sha256(VIDEO).hexdigest())
UNRECORDED = replace(RECORDED, sha256="")
IN_PARTS = replace(UNRECORDED, etag='"9b2cf535f27731c974343645a3985328-2"')


def fetch(stand_in: StandIn, head: ObjectHead, path: Path) -> None:
    async def scenario(store: ObjectStore) -> None:
        await Origin(store, store, "previews").fetch(KEY, head, path)

    stand_in.run(scenario)


@pytest.mark.parametrize("head", [RECORDED, UNRECORDED, IN_PARTS])
def test_what_was_promised_is_written_and_nothing_else_was_asked_for(head: ObjectHead, tmp_path: Path) -> None:
    stand_in = StandIn(VIDEO)
    fetch(stand_in, head, tmp_path / "object")

    assert (tmp_path / "object").read_bytes() == VIDEO
    assert [(each.line, each.headers["if-match"]) for each in stand_in.asked] == [(f"GET /previews/{KEY}", head.etag)]


@pytest.mark.parametrize(
    ("head", "stand_in", "error", "words"),
    [
        (RECORDED, StandIn(VIDEO[1:]), ObjectUnavailableError, f"{len(VIDEO) - 1} of {len(VIDEO)} bytes arrived"),
        (IN_PARTS, StandIn(VIDEO + b"\0"), ObjectUnavailableError, f"{len(VIDEO) + 1} of {len(VIDEO)} bytes arrived"),
        (RECORDED, StandIn(VIDEO[1:], announced=len(VIDEO)), ObjectUnavailableError, "expected"),
        (RECORDED, StandIn(OTHER), ObjectUnavailableError, "its SHA-256 is not the recorded one"),
        (UNRECORDED, StandIn(OTHER), ObjectUnavailableError, "its MD5 is not its entity tag"),
        (RECORDED, StandIn(status=404, code="NoSuchKey"), ObjectMissingError, "NoSuchKey"),
        (RECORDED, StandIn(status=412, code="PreconditionFailed"), ObjectChangedError, "PreconditionFailed"),
        (RECORDED, StandIn(status=403, code="AccessDenied"), ObjectUnavailableError, "AccessDenied"),
        (RECORDED, StandIn(status=503, code="SlowDown"), ObjectUnavailableError, "SlowDown"),
    ],
    ids=["short", "long", "cut", "SHA-256", "MD5", "404", "412", "403", "503"],
)
def test_whatever_else_the_store_sends_is_refused_for_its_reason(
    head: ObjectHead, stand_in: StandIn, error: type[Exception], words: str, tmp_path: Path
) -> None:
    with pytest.raises(error, match=words):
        fetch(stand_in, head, tmp_path / "object")


@pytest.mark.parametrize("recorded", [RECORDED.sha256, ""])
def test_a_head_says_size_tag_and_the_recorded_checksum(recorded: str) -> None:
    async def scenario(store: ObjectStore) -> None:
        assert await Origin(store, store, "previews").head(KEY) == replace(RECORDED, sha256=recorded)

    StandIn(VIDEO, headers={"ETag": MD5, **({"x-amz-meta-sha256": recorded} if recorded else {})}).run(scenario)


def test_a_head_of_nothing_says_so() -> None:
    async def scenario(store: ObjectStore) -> None:
        with pytest.raises(ObjectMissingError):
            await Origin(store, store, "previews").head(KEY)

    StandIn(status=404).run(scenario)


@pytest.mark.parametrize("stand_in", [StandIn(status=403), StandIn(status=503)], ids=["403", "503"])
def test_a_store_that_answers_is_there_whatever_it_says_of_an_object(stand_in: StandIn) -> None:
    async def scenario(store: ObjectStore) -> None:
        with pytest.raises(ObjectUnavailableError):
            await Origin(store, store, "previews").head(KEY)

    stand_in.run(scenario)


def test_a_store_that_does_not_answer_is_no_fault_of_an_object() -> None:
    with StandIn().serving() as settings:
        pass

    async def scenario() -> None:
        store = ObjectStore(settings, attempts=1)
        with pytest.raises(StoreUnavailableError) as gone:
            await Origin(store, store, "previews").head(KEY)
        assert not isinstance(gone.value, ObjectUnavailableError)
        store.close()

    asyncio.run(scenario())


def test_a_fill_ends_when_its_time_is_over(tmp_path: Path) -> None:
    stand_in = StandIn(bytes(1024 * 1024), announced=1 << 50, endless=True)

    async def scenario(settings: StorageSettings) -> None:
        store = ObjectStore(settings, threads=1, attempts=1, limit_s=0.5)
        await store.run(lambda _s3: None, WITHIN_S)  # the client is built
        with pytest.raises(ObjectSlowError, match="no answer within"):
            await Origin(store, store, "previews").fetch(KEY, RECORDED, tmp_path / "object")
        assert await store.run(lambda _s3: "the thread is free", WITHIN_S)
        store.close()

    with stand_in.serving() as settings:
        asyncio.run(scenario(settings))


def test_an_object_that_comes_after_the_time_leaves_nothing(tmp_path: Path) -> None:
    stand_in = StandIn(VIDEO)
    stand_in.give.clear()

    async def scenario(settings: StorageSettings) -> None:
        store = ObjectStore(settings, threads=1, attempts=1, limit_s=0.5)
        await store.run(lambda _s3: None, WITHIN_S)  # the client is built
        with pytest.raises(ObjectSlowError, match="no answer within"):
            await Origin(store, store, "previews").fetch(KEY, RECORDED, tmp_path / "object")
        stand_in.give.set()
        await store.run(lambda _s3: None, WITHIN_S)  # the thread is free
        store.close()

    with stand_in.serving() as settings:
        asyncio.run(scenario(settings))
    assert list(tmp_path.iterdir()) == []
