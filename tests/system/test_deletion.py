"""What is deleted is gone whole, and what is retained is not deleted."""

from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest

from system.api import assets
from system.api.services import Services
from system.common.problem import Problem
from tests.system.api_services import with_services
from tests.system.store_stand_in import StandIn

NOW = datetime.now(UTC).replace(microsecond=0)
NO_MASTER = {"master_key": None, "master_retained_until": None}


def delete(store: StandIn, monkeypatch: pytest.MonkeyPatch, published: dict[str, bytes] | None = None) -> list[str]:
    """Delete a ready asset of whose master no row tells, as something is published; gives the statements that were asked for."""
    row = {"id": "asset", "status": "ready", "upload_id": None, "claimed_at": NOW, **NO_MASTER}
    statements: list[str] = []

    @asynccontextmanager
    async def claim(*_: object) -> Any:
        yield SimpleNamespace(owner="owner", row=row)

    async def found(*_: object) -> Any:
        return row

    async def execute(_services: Services, query: str, _values: object) -> None:
        statements.append(query.split(" where ", maxsplit=1)[0])
        store.objects |= published or {}

    async def work(services: Services) -> None:
        monkeypatch.setattr(Services, "row", execute)
        await assets._delete(services, cast("Any", SimpleNamespace(account_id="account")), "asset")

    monkeypatch.setattr(assets, "claim", claim)
    monkeypatch.setattr(assets, "find_asset", found)
    with_services(store, work)
    return statements


def deleted(store: StandIn) -> list[str]:
    return [each.line.partition(" ")[2] for each in store.asked if each.line.startswith("DELETE ")]


def test_a_master_that_a_broken_off_promotion_left_goes_with_its_asset(monkeypatch: pytest.MonkeyPatch) -> None:
    store = StandIn(b"a", headers={"x-amz-version-id": "v1"})
    assert delete(store, monkeypatch) == ["delete from assets"]
    assert "/masters/masters/asset?versionId=v1" in deleted(store)


def test_a_master_that_is_locked_keeps_its_asset_though_no_row_tells_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    until = (NOW + timedelta(days=1)).isoformat()
    store = StandIn(b"a", headers={"x-amz-version-id": "v1", "x-amz-object-lock-retain-until-date": until})
    with pytest.raises(Problem, match="still retained"):
        delete(store, monkeypatch)
    assert not deleted(store)


def test_what_a_worker_publishes_while_its_asset_is_deleted_goes_too(monkeypatch: pytest.MonkeyPatch) -> None:
    store = StandIn(b"a", headers={"x-amz-version-id": "v1"})
    delete(store, monkeypatch, {f"/previews/previews/asset/{name}": b"made" for name in ("preview.mp4", "poster.jpg")})
    assert not store.objects
