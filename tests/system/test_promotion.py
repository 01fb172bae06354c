"""A master is locked once it is known to be right and to be somebody's."""

import hashlib
import uuid
from datetime import UTC, datetime
from typing import Any

import pytest

from system.api import promotion
from system.api.claims import Claim
from system.api.services import Services
from system.common.problem import Problem
from tests.system.api_services import with_services
from tests.system.store_stand_in import StandIn

SIZE_BYTES = 100


@pytest.fixture
def store() -> StandIn:
    return StandIn(bytes(SIZE_BYTES), headers={"x-amz-version-id": "v1"})


def locked(store: StandIn) -> bool:
    puts = [each for each in store.asked if each.line.startswith("PUT ")]
    return any("retention" in each.line or "x-amz-object-lock-mode" in each.headers for each in puts)


def promote(store: StandIn, monkeypatch: pytest.MonkeyPatch, sha256: str, *, kept: bool = True) -> Any:
    """Write the master of an asset; unless it is `kept`, it is deleted while that takes place."""
    asset = {"id": "asset", "size_bytes": SIZE_BYTES, "sha256": sha256, "claimed_at": datetime.now(UTC)}
    promoted: list[Any] = []

    async def row(_services: Services, _query: str, _values: object) -> Any:
        return asset if kept else None

    async def work(services: Services) -> None:
        monkeypatch.setattr(Services, "row", row)
        promoted.append(await promotion._write_master(services, Claim(uuid.uuid4(), asset), asset))

    with_services(store, work)
    return promoted[0]


def test_a_copy_that_is_right_is_locked(store: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    assert promote(store, monkeypatch, hashlib.sha256(bytes(SIZE_BYTES)).hexdigest())["id"] == "asset"
    assert locked(store)


def test_a_copy_that_is_wrong_is_removed_again(store: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Problem, match="no longer what was uploaded"):
        promote(store, monkeypatch, "0" * 64)
    assert store.asked[-1].line == "DELETE /masters/masters/asset?versionId=v1"
    assert not locked(store)


def test_nothing_is_locked_for_an_asset_that_was_deleted_meanwhile(
    store: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(Problem, match="was taken over"):
        promote(store, monkeypatch, hashlib.sha256(bytes(SIZE_BYTES)).hexdigest(), kept=False)
    assert not locked(store)
