"""A master is locked once it is known to be right and to be somebody's."""

import asyncio
import base64
import hashlib
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest

from system.api import promotion
from system.api.claims import Claim
from system.api.services import Services
from system.api.storage import lock_version
from system.common.problem import Problem
from tests.system.api_services import with_services
from tests.system.store_stand_in import Asked, StandIn

SIZE_BYTES = 100
NOW = datetime.now(UTC).replace(microsecond=0)


@pytest.fixture
def store() -> StandIn:
    return StandIn(bytes(SIZE_BYTES), headers={"x-amz-version-id": "v1"})


def locked(store: StandIn) -> bool:
    return any(each.line.startswith("PUT ") and "retention" in each.line for each in store.asked)


def copies(store: StandIn) -> list[Asked]:
    return [each for each in store.asked if "x-amz-copy-source" in each.headers]


def lock(store: StandIn, until: datetime) -> datetime:
    """Lock a version and give the date until which it is locked."""
    given: list[datetime] = []

    async def work(services: Services) -> None:
        given.append(
            await services.bulk.run(lambda s3: lock_version(s3, "masters", "masters/asset", "v1", retain_until=until))
        )

    with_services(store, work)
    return given[0]


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


def test_a_copy_that_is_wrong_and_still_locked_is_told_like_any_other(
    store: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.locked = True
    with pytest.raises(Problem, match="no longer what was uploaded"):
        promote(store, monkeypatch, "0" * 64)


@pytest.mark.parametrize("stated", [{"x-amz-checksum-sha256": base64.b64encode(bytes(32)).decode()}, {}])
def test_what_the_store_says_is_wrong_is_not_copied(
    store: StandIn, monkeypatch: pytest.MonkeyPatch, stated: dict[str, str]
) -> None:
    store.headers |= stated
    store.body = bytes(SIZE_BYTES if stated else SIZE_BYTES + 1)
    with pytest.raises(Problem, match="no longer what was uploaded"):
        promote(store, monkeypatch, "1" * 64)
    assert not copies(store)


def test_a_copy_is_not_given_the_long_lock_that_its_bucket_has_for_what_names_none(
    store: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = datetime.now(UTC)
    promote(store, monkeypatch, hashlib.sha256(bytes(SIZE_BYTES)).hexdigest())
    (copy,) = copies(store)
    assert copy.headers["x-amz-object-lock-mode"] == "COMPLIANCE"
    until = datetime.fromisoformat(copy.headers["x-amz-object-lock-retain-until-date"])
    assert until <= datetime.now(UTC) + timedelta(seconds=2)
    assert until > begun


@pytest.mark.parametrize(
    ("mode", "until"),
    [("COMPLIANCE", NOW), ("COMPLIANCE", NOW + timedelta(days=1)), ("GOVERNANCE", NOW + timedelta(days=1))],
)
def test_a_lock_is_made_longer_and_harder_and_never_shorter(store: StandIn, mode: str, until: datetime) -> None:
    store.headers |= {
        "x-amz-object-lock-mode": mode,
        "x-amz-object-lock-retain-until-date": until.isoformat(),
    }
    wanted = NOW + timedelta(hours=1)
    assert lock(store, wanted) == max(wanted, until)
    assert locked(store) == ((mode, until) != ("COMPLIANCE", NOW + timedelta(days=1)))


def test_nothing_is_left_for_an_asset_that_was_deleted_meanwhile(
    store: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(Problem, match="was taken over"):
        promote(store, monkeypatch, hashlib.sha256(bytes(SIZE_BYTES)).hexdigest(), kept=False)
    assert not locked(store)
    assert store.asked[-1].line == "DELETE /masters/masters/asset?versionId=v1"


@pytest.mark.parametrize(("at_once", "answer"), [(1, "promoted"), (0, "still promoting")])
def test_few_wait_for_a_promotion_and_the_rest_are_told_to_come_again(
    monkeypatch: pytest.MonkeyPatch, at_once: int, answer: str
) -> None:
    asked: list[object] = []

    async def unclaimed(*_: object) -> Any:
        asked.append(None)
        return "promoted" if len(asked) == 3 else None

    monkeypatch.setattr(promotion, "waiting", asyncio.Semaphore(at_once))
    monkeypatch.setattr(promotion, "POLL_S", 0.0)
    monkeypatch.setattr(promotion, "_promote_unclaimed", unclaimed)
    nothing = cast("Any", None)
    try:
        said = str(asyncio.run(promotion._promote(nothing, nothing, "asset")))
    except Problem as problem:
        said = problem.detail
    assert answer in said
    assert len(asked) == (3 if at_once else 1)
