"""Make a ready asset a master: one locked, verified copy, however often and from wherever it is asked for."""

import asyncio
from datetime import timedelta

from fastapi import APIRouter
from psycopg.rows import DictRow

from system.api import counters
from system.api.claims import CLAIM_S, Claim, claim, renew
from system.api.documents import errors
from system.api.idempotency import IdempotencyKey, once
from system.api.models import Asset
from system.api.rows import AssetId, asset_of, find_asset, master_key, staging_key
from system.api.services import Service, Services
from system.api.sessions import Caller
from system.api.storage import copy_once, lock_version, remove_copy, stated_sha256
from system.common.logging import get_logger
from system.common.problem import Problem

__all__ = ["router"]

WAIT_S = 20.0
POLL_S = 0.25
WAIT_AT_ONCE = 16  # each of whom asks the database again and again

log = get_logger("api.promotion")
waiting = asyncio.Semaphore(WAIT_AT_ONCE)
router = APIRouter(prefix="/v1/assets", tags=["masters"])


@router.post("/{asset_id}/promote", responses=errors(401, 404, 409, 422))
async def promote(
    asset_id: AssetId, caller: Caller, services: Service, idempotency_key: IdempotencyKey = None
) -> Asset:
    """Copy the original to the masters, locked against deletion; repeating it changes nothing."""
    return await once(
        services,
        caller.account_id,
        idempotency_key,
        ("promote", asset_id),
        Asset,
        lambda: _promote(services, caller, asset_id),
    )


async def _promote(services: Services, caller: Caller, asset_id: str) -> Asset:
    promoted = await _promote_unclaimed(services, caller, asset_id)
    if promoted is None and not waiting.locked():
        async with waiting:
            deadline = asyncio.get_running_loop().time() + WAIT_S
            while promoted is None and asyncio.get_running_loop().time() < deadline:
                await asyncio.sleep(POLL_S)
                promoted = await _promote_unclaimed(services, caller, asset_id)
    if promoted is None:
        detail = "Another request is still promoting this asset; try again."
        raise Problem(503, detail, headers={"Retry-After": "2"})
    return promoted


async def _promote_unclaimed(services: Services, caller: Caller, asset_id: str) -> Asset | None:
    """Promote the asset unless it is a master already; None while another request has claimed it."""
    row = await find_asset(services, caller.account_id, asset_id)
    if row["master_key"] is not None:
        return asset_of(row)
    if row["status"] != "ready":
        raise Problem(409, f"Only a ready asset can be promoted; this one is {row['status']}.")
    async with claim(services, caller.account_id, asset_id) as held:
        if held.row is None:
            return None
        if held.row["master_key"] is not None:
            return asset_of(held.row)
        return asset_of(await _write_master(services, held, held.row))


async def _write_master(services: Services, held: Claim, row: DictRow) -> DictRow:
    storage = services.settings.storage
    bucket, key = storage.masters, master_key(row["id"])
    source = (storage.staging, staging_key(row["id"]))
    announced = (row["size_bytes"], row["sha256"])
    stated = await services.store.run(lambda s3: stated_sha256(s3, *source))
    if stated is None:
        raise Problem(409, "The original has expired from staging; upload it again.")
    if stated not in (announced, (announced[0], None)):
        raise _changed()
    # Well before the retention's own end, also where that is short: so nobody takes the one for the other.
    soon = row["claimed_at"].replace(microsecond=0) + timedelta(
        seconds=min(CLAIM_S, services.settings.master_retention_s // 2) + 1
    )
    version_id = await services.bulk.run(lambda s3: copy_once(s3, source, (bucket, key), retain_until=soon))

    async def still_claimed() -> DictRow:
        """Renew the claim, which copying and reading may outlast: what is locked for an asset that was deleted meanwhile stays."""
        renewed = await renew(services, held.owner, row["id"])
        if renewed is None:
            if await services.row("select 1 from assets where id = %s", (row["id"],)) is None:
                await services.bulk.run(lambda s3: remove_copy(s3, bucket, key, version_id))
            raise _taken_over()
        return renewed

    if await services.object_sha256(bucket, key, version_id, between=still_claimed) != announced:
        await services.bulk.run(lambda s3: remove_copy(s3, bucket, key, version_id))
        raise _changed()
    renewed = await still_claimed()
    retention = timedelta(seconds=services.settings.master_retention_s + 1)
    retain_until = renewed["claimed_at"].replace(microsecond=0) + retention
    retained_until = await services.bulk.run(
        lambda s3: lock_version(s3, bucket, key, version_id, retain_until=retain_until)
    )
    promoted = await services.row(
        """update assets set master_bucket = %s, master_key = %s, master_version_id = %s, master_retained_until = %s
           where id = %s and claim_owner = %s and master_key is null returning *""",
        (bucket, key, version_id, retained_until, row["id"], held.owner),
    )
    if promoted is None:
        raise _taken_over()
    counters.promotions.inc()
    log.info("master written", extra={"asset_id": str(row["id"]), "version_id": version_id})
    return promoted


def _changed() -> Problem:
    return Problem(409, "The original in staging is no longer what was uploaded; upload it again.")


def _taken_over() -> Problem:
    return Problem(503, "The promotion took too long and was taken over; try again.", headers={"Retry-After": "2"})
