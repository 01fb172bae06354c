"""Make a preview again that is lost, from the master or, before there is one, from the upload."""

from fastapi import APIRouter
from psycopg.rows import DictRow

from system.api.documents import errors
from system.api.idempotency import IdempotencyKey, once
from system.api.models import Asset
from system.api.outbox import enqueue_again, send
from system.api.rows import AssetId, asset_of, find_asset, poster_key, preview_key, staging_key
from system.api.services import Service, Services
from system.api.sessions import Caller
from system.api.storage import all_there
from system.common.problem import Problem

__all__ = ["router"]

UNDER_WAY = frozenset({"queued", "processing"})

router = APIRouter(prefix="/v1/assets", tags=["assets"])


@router.post("/{asset_id}/preview", status_code=202, responses=errors(401, 404, 409, 422))
async def remake_preview(
    asset_id: AssetId, caller: Caller, services: Service, idempotency_key: IdempotencyKey = None
) -> Asset:
    """Queue a preview that is lost, or has failed, to be made again; one that is there or on its way is left alone."""
    return await once(
        services,
        caller.account_id,
        idempotency_key,
        ("preview", asset_id),
        Asset,
        lambda: _remake(services, caller, asset_id),
    )


async def _remake(services: Services, caller: Caller, asset_id: str) -> Asset:
    row = await find_asset(services, caller.account_id, asset_id)
    if row["status"] == "awaiting_upload":
        raise Problem(409, "Nothing has been uploaded yet.")
    if row["status"] in UNDER_WAY or (row["status"] == "ready" and await _is_whole(services, row)):
        return asset_of(row)
    await _require_original(services, row)
    async with services.database() as connection, connection.transaction():
        cursor = await connection.execute(
            """update assets set status = 'queued', progress = 0, failure_reason = null
               where id = %s and account_id = %s and status in ('ready', 'failed') returning *""",
            (asset_id, caller.account_id),
        )
        queued = await cursor.fetchone()
        message = await enqueue_again(connection, asset_id) if queued else None
    if queued is None or message is None:
        return asset_of(await find_asset(services, caller.account_id, asset_id))
    await send(services, message)
    return asset_of(queued)


async def _is_whole(services: Services, row: DictRow) -> bool:
    previews = services.settings.storage.previews
    objects = [(previews, key(row["id"]), None) for key in (preview_key, poster_key)]
    return await services.store.run(lambda s3: all_there(s3, objects))


async def _require_original(services: Services, row: DictRow) -> None:
    original = (
        (row["master_bucket"], row["master_key"], row["master_version_id"])
        if row["master_key"] is not None
        else (services.settings.storage.staging, staging_key(row["id"]), None)
    )
    if not await services.store.run(lambda s3: all_there(s3, [original])):
        raise Problem(409, "The original is no longer there; upload it again.")
