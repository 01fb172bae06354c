"""A master is locked once it is known to be right and to be somebody's."""

import hashlib
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from system.api import promotion
from system.api.claims import Claim
from system.api.services import Services
from system.common.problem import Problem
from tests.system.object_server import ObjectServer, object_server, with_services

SIZE_BYTES = 100


@pytest.fixture
def server() -> Iterator[ObjectServer]:
    with object_server() as made:
        made.size_bytes = SIZE_BYTES
        yield made


def promote(server: ObjectServer, monkeypatch: pytest.MonkeyPatch, sha256: str, *, kept: bool = True) -> Any:
    """Write the master of an asset; unless it is `kept`, it is deleted while that takes place."""
    asset = {"id": "asset", "size_bytes": SIZE_BYTES, "sha256": sha256, "claimed_at": datetime.now(UTC)}
    promoted: list[Any] = []

    async def row(_services: Services, _query: str, _values: object) -> Any:
        return asset if kept else None

    async def work(services: Services) -> None:
        monkeypatch.setattr(Services, "row", row)
        promoted.append(await promotion._write_master(services, Claim(uuid.uuid4(), asset), asset))

    with_services(server, work)
    return promoted[0]


def test_a_copy_that_is_right_is_locked(server: ObjectServer, monkeypatch: pytest.MonkeyPatch) -> None:
    assert promote(server, monkeypatch, hashlib.sha256(bytes(SIZE_BYTES)).hexdigest())["id"] == "asset"
    assert server.locked


def test_a_copy_that_is_wrong_is_removed_again(server: ObjectServer, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Problem, match="no longer what was uploaded"):
        promote(server, monkeypatch, "0" * 64)
    assert server.asked[-1] == ("DELETE", "masters")
    assert not server.locked


def test_nothing_is_locked_for_an_asset_that_was_deleted_meanwhile(
    server: ObjectServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(Problem, match="was taken over"):
        promote(server, monkeypatch, hashlib.sha256(bytes(SIZE_BYTES)).hexdigest(), kept=False)
    assert not server.locked
