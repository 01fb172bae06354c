"""What is sent in parts: where each goes, and what is verified when, by one request at a time."""

import asyncio
import hashlib
from types import SimpleNamespace
from typing import Any, cast

import pytest

from system.api import services as module
from system.api import uploads
from system.api.models import MAX_UPLOAD_BYTES, Completion, MultipartUpload
from system.api.services import Services
from system.api.tokens import Claims
from system.common.problem import Problem
from system.common.s3 import StoreUnavailableError
from tests.system.api_services import with_services
from tests.system.store_stand_in import WITHIN_S, StandIn

SIZE_ASKED_FOR = ["HEAD /staging/uploads/asset"]


def endless() -> StandIn:
    return StandIn(bytes(1024 * 1024), announced=1 << 50, endless=True)


def announced(size_bytes: int, sha256: str = "0" * 64) -> Any:
    return {"id": "asset", "multipart": True, "upload_id": None, "size_bytes": size_bytes, "sha256": sha256}


def verify(store: StandIn, row: Any) -> None:
    with_services(store, lambda services: uploads._verify(services, row, Completion()))


def test_a_read_ends_when_its_time_is_over() -> None:
    async def work(services: Services) -> None:
        with pytest.raises(StoreUnavailableError, match="no answer within"):
            await services.read_sha256("staging", "key", 1 << 50)
        assert await services.bulk.run(lambda _s3: "the thread is free", WITHIN_S)

    with_services(endless(), work, limit_s=0.5)


def test_a_read_ends_when_its_caller_has_left() -> None:
    store = endless()

    async def work(services: Services) -> None:
        reading = asyncio.create_task(services.read_sha256("staging", "key", 1 << 50))
        assert await asyncio.to_thread(store.reading.wait, WITHIN_S)
        reading.cancel()
        assert await services.bulk.run(lambda _s3: "the thread is free", WITHIN_S)

    with_services(store, work)


def test_what_is_too_large_for_one_call_is_read_by_several(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "READ_AT_ONCE_BYTES", 40)
    store, between = StandIn(bytes(range(100))), list[str]()

    async def renew() -> None:
        between.append(store.asked[-1].headers["range"])

    async def work(services: Services) -> None:
        found = await services.object_sha256("masters", "key", "v1", between=renew)
        assert found == (100, hashlib.sha256(bytes(range(100))).hexdigest())

    with_services(store, work)
    assert between == ["bytes=0-39", "bytes=40-79"]


def test_what_came_in_parts_is_read() -> None:
    store = StandIn(bytes(100))
    verify(store, announced(100, hashlib.sha256(bytes(100)).hexdigest()))
    with pytest.raises(Problem, match="another SHA-256"):
        verify(store, announced(100))


def test_what_has_another_size_is_not_read() -> None:
    store = StandIn(bytes(100))
    with pytest.raises(Problem, match="100 bytes, 99 were announced"):
        verify(store, announced(99))
    assert [each.line for each in store.asked] == SIZE_ASKED_FOR


def test_what_is_too_large_to_be_read_in_time_is_left_to_the_worker() -> None:
    size_bytes = module.READ_AT_ONCE_BYTES + 1
    store = StandIn(announced=size_bytes)
    verify(store, announced(size_bytes))
    assert [each.line for each in store.asked] == SIZE_ASKED_FOR


def test_a_second_request_is_told_to_come_again_while_the_first_verifies() -> None:
    async def row(query: str, _values: object) -> Any:
        return None if "claim_until is null" in query else {**announced(1), "status": "awaiting_upload"}

    services, caller = cast("Any", SimpleNamespace(row=row)), Claims("account", "session")
    with pytest.raises(Problem) as refused:
        asyncio.run(uploads._complete(services, caller, "asset", Completion()))
    assert (refused.value.status, refused.value.headers) == (409, {"Retry-After": "1"})


def test_the_largest_file_has_a_url_for_each_of_its_parts() -> None:
    row = {**announced(MAX_UPLOAD_BYTES), "status": "awaiting_upload", "upload_id": "begun"}

    async def work(services: Services) -> None:
        upload = await uploads._upload_of(services, cast("Any", row))
        assert isinstance(upload, MultipartUpload)
        assert [part.part_number for part in upload.parts] == list(range(1, 641))
        assert all(f"partNumber={part.part_number}&" in part.url for part in upload.parts)

    with_services(StandIn(), work)
