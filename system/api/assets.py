"""List, read, rename and delete assets."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query, Response
from psycopg.rows import DictRow

from system.api.claims import claim
from system.api.documents import errors
from system.api.idempotency import Done, IdempotencyKey, once
from system.api.models import Asset, AssetChange, AssetPage
from system.api.rows import AssetId, asset_of, find_asset, master_key, poster_key, preview_key, staging_key
from system.api.services import Service, Services
from system.api.sessions import Caller
from system.api.storage import found_copy, remove_objects
from system.common.problem import Problem

__all__ = ["router"]

router = APIRouter(prefix="/v1/assets", tags=["assets"])

# Microseconds since 1970 and the id of the last item; every value of this form is a valid place in the list.
CURSOR_PATTERN = r"^[0-9]{1,16}-[0-9a-f]{32}$"


@router.get("", responses=errors(401, 422))
async def list_assets(
    caller: Caller,
    services: Service,
    limit: Annotated[int, Query(ge=1, le=100)] = 50,
    cursor: Annotated[str | None, Query(pattern=CURSOR_PATTERN)] = None,
) -> AssetPage:
    """List the caller's assets, newest first."""
    microseconds, last_id = (cursor or f"{10**16 - 1}-{'f' * 32}").split("-")
    async with services.database() as connection:
        found = await connection.execute(
            """select *, (extract(epoch from created_at) * 1000000)::bigint as microseconds from assets
               where account_id = %s
                 and (created_at, id) < (timestamptz 'epoch' + %s * interval '1 microsecond', %s::uuid)
               order by created_at desc, id desc limit %s""",
            (caller.account_id, int(microseconds), last_id, limit + 1),
        )
        rows = await found.fetchall()
    page = rows[:limit]
    next_cursor = f"{page[-1]['microseconds']}-{page[-1]['id'].hex}" if len(rows) > limit else None
    return AssetPage(items=[asset_of(row) for row in page], next_cursor=next_cursor)


@router.get("/{asset_id}", responses=errors(401, 404))
async def read_asset(asset_id: AssetId, caller: Caller, services: Service) -> Asset:
    """Read one asset."""
    return asset_of(await find_asset(services, caller.account_id, asset_id))


@router.patch("/{asset_id}", responses=errors(400, 401, 404, 408, 409, 413, 422))
async def rename_asset(
    asset_id: AssetId,
    change: AssetChange,
    caller: Caller,
    services: Service,
    idempotency_key: IdempotencyKey = None,
) -> Asset:
    """Give an asset another title."""
    return await once(
        services,
        caller.account_id,
        idempotency_key,
        ("rename", asset_id, change.model_dump_json()),
        Asset,
        lambda: _rename(services, caller, asset_id, change),
    )


async def _rename(services: Services, caller: Caller, asset_id: str, change: AssetChange) -> Asset:
    row = await services.row(
        "update assets set title = %s where id = %s and account_id = %s returning *",
        (change.title, asset_id, caller.account_id),
    )
    if row is None:
        raise Problem(404, "There is no such asset.")
    return asset_of(row)


@router.delete("/{asset_id}", status_code=204, responses=errors(401, 404, 409, 422))
async def delete_asset(
    asset_id: AssetId, caller: Caller, services: Service, idempotency_key: IdempotencyKey = None
) -> Response:
    """Remove an asset and all its objects; a master that is still retained forbids it."""
    await once(
        services,
        caller.account_id,
        idempotency_key,
        ("delete", asset_id),
        Done,
        lambda: _delete(services, caller, asset_id),
    )
    return Response(status_code=204)


async def _delete(services: Services, caller: Caller, asset_id: str) -> Done:
    await find_asset(services, caller.account_id, asset_id)
    async with claim(services, caller.account_id, asset_id) as held:
        row = held.row
        if row is None:
            detail = "The asset is being completed, promoted or deleted by another request."
            raise Problem(409, detail, headers={"Retry-After": "1"})
        master, retained_until = await _master(services, row)
        if retained_until is not None and retained_until > row["claimed_at"]:
            raise Problem(
                409, "The master is still retained.", retained_until=retained_until.isoformat(timespec="seconds")
            )
        storage = services.settings.storage
        staged = (storage.staging, staging_key(asset_id))
        made = [(storage.previews, preview_key(asset_id)), (storage.previews, poster_key(asset_id))]
        upload = (*staged, row["upload_id"]) if row["status"] == "awaiting_upload" and row["upload_id"] else None
        await services.store.run(lambda s3: remove_objects(s3, [staged, *made], upload=upload, master=master))
        await services.row("delete from assets where id = %s and claim_owner = %s", (asset_id, held.owner))
        # Once more: a worker may have published in between, and no longer withdraws what it did while the row was there.
        await services.store.run(lambda s3: remove_objects(s3, made, upload=None, master=None))
    return Done()


async def _master(services: Services, row: DictRow) -> tuple[tuple[str, str, str] | None, datetime | None]:
    """Give bucket, key and version of the master and the end of its retention, also of one that nothing has been recorded of."""
    if row["master_key"] is not None:
        return (row["master_bucket"], row["master_key"], row["master_version_id"]), row["master_retained_until"]
    bucket, key = services.settings.storage.masters, master_key(row["id"])
    left = await services.store.run(lambda s3: found_copy(s3, bucket, key))
    return ((bucket, key, left[0]), left[1]) if left else (None, None)
