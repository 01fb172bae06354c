"""Announce uploads and complete them."""

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from math import ceil

import psycopg
from fastapi import APIRouter
from psycopg.rows import DictRow

from system.api import counters
from system.api.claims import claim
from system.api.documents import errors
from system.api.idempotency import OTHER_REQUEST, IdempotencyKey, once
from system.api.models import (
    Asset,
    AssetCreated,
    AssetUpload,
    Completion,
    MultipartUpload,
    NewAsset,
    SentPart,
    SingleUpload,
    UploadedPart,
    UploadPart,
)
from system.api.outbox import enqueue, send
from system.api.rows import AssetId, asset_of, find_asset, staging_key
from system.api.services import READ_AT_ONCE_BYTES, Service, Services
from system.api.sessions import Caller
from system.api.storage import assemble_parts, error_code, list_parts, presign_parts, presign_put, stated_sha256
from system.common.problem import Problem

__all__ = ["router"]

Connection = psycopg.AsyncConnection[DictRow]

UPLOAD_LIFETIME = timedelta(minutes=15)
PART_SIZE_BYTES = 8 * 1024 * 1024
SIGNED_AT_ONCE = 32  # in some 25 ms, which is how long somebody else's upload waits for these
BAD_PARTS = frozenset({"InvalidPart", "InvalidPartOrder", "EntityTooSmall", "MalformedXML", "InvalidRequest"})

router = APIRouter(prefix="/v1/assets", tags=["uploads"])


@router.post("", status_code=201, responses=errors(400, 401, 408, 413, 422))
async def create_asset(
    new: NewAsset, caller: Caller, services: Service, idempotency_key: IdempotencyKey = None
) -> AssetCreated:
    """Announce an upload; the answer says where to send the file."""
    row = await _insert_once(services, caller.account_id, new, idempotency_key)
    return AssetCreated(asset=asset_of(row), upload=await _upload_of(services, row))


async def _insert_once(services: Services, account_id: str, new: NewAsset, key: str | None) -> DictRow:
    digest = hashlib.sha256(new.model_dump_json().encode()).digest()
    async with services.database() as connection:
        first = await _by_key(connection, account_id, key)
        if first is None:
            async with connection.transaction():
                row = await _insert(connection, account_id, new)
                if key is None or await _take_key(connection, account_id, key, digest, row["id"]):
                    return row
                raise psycopg.Rollback  # another request with this key was faster; its asset counts
            first = await _by_key(connection, account_id, key)
    if first is None:
        raise Problem(503, "The first request under this key was just undone; try again.", headers={"Retry-After": "1"})
    if bytes(first["request_sha256"]) != digest:
        raise Problem(422, OTHER_REQUEST)
    return first


async def _by_key(connection: Connection, account_id: str, key: str | None) -> DictRow | None:
    cursor = await connection.execute(
        """select k.request_sha256, a.* from idempotency_keys k join assets a on a.id = k.asset_id
           where k.account_id = %s and k.key = %s""",
        (account_id, key),
    )
    return await cursor.fetchone()


async def _insert(connection: Connection, account_id: str, new: NewAsset) -> DictRow:
    cursor = await connection.execute(
        """insert into assets (account_id, title, filename, content_type, size_bytes, sha256, multipart)
           values (%s, %s, %s, %s, %s, %s, %s) returning *""",
        (account_id, new.title, new.filename, new.content_type, new.size_bytes, new.sha256, new.multipart),
    )
    row = await cursor.fetchone()
    if row is None:
        raise RuntimeError("insert returned no row")
    return row


async def _take_key(connection: Connection, account_id: str, key: str, digest: bytes, asset_id: object) -> bool:
    taken = await connection.execute(
        """insert into idempotency_keys (account_id, key, request_sha256, asset_id) values (%s, %s, %s, %s)
           on conflict do nothing""",
        (account_id, key, digest, asset_id),
    )
    return taken.rowcount == 1


async def _upload_of(services: Services, row: DictRow) -> SingleUpload | MultipartUpload | None:
    if row["status"] != "awaiting_upload":
        return None
    bucket, key = services.settings.storage.staging, staging_key(row["id"])
    expires_s, expires_at = int(UPLOAD_LIFETIME.total_seconds()), datetime.now(UTC) + UPLOAD_LIFETIME
    if not row["multipart"]:
        ((url, headers),) = await services.store.presign(
            lambda s3: presign_put(
                s3,
                bucket,
                key,
                content_type=row["content_type"],
                size_bytes=row["size_bytes"],
                sha256=row["sha256"],
                expires_s=expires_s,
            )
        )
        return SingleUpload(url=url, headers=headers, expires_at=expires_at)
    upload_id = row["upload_id"] or await _begin_multipart(services, row)
    numbers = range(1, max(1, ceil(row["size_bytes"] / PART_SIZE_BYTES)) + 1)
    sign = partial(presign_parts, bucket=bucket, key=key, upload_id=upload_id, expires_s=expires_s)
    signed = await services.store.presign(
        *(partial(sign, numbers=numbers[i : i + SIGNED_AT_ONCE]) for i in range(0, len(numbers), SIGNED_AT_ONCE))
    )
    return MultipartUpload(
        upload_id=upload_id,
        part_size_bytes=PART_SIZE_BYTES,
        parts=[UploadPart(part_number=number, url=url) for some in signed for number, url in some],
        expires_at=expires_at,
    )


async def _begin_multipart(services: Services, row: DictRow) -> str:
    """Open a multipart upload for the asset; of two repeated requests at once, the second takes the first's."""
    bucket, key = services.settings.storage.staging, staging_key(row["id"])
    begun = await services.store.run(
        lambda s3: s3.create_multipart_upload(Bucket=bucket, Key=key, ContentType=row["content_type"])
    )
    upload_id = begun["UploadId"]
    kept = await services.row(
        "update assets set upload_id = coalesce(upload_id, %s) where id = %s returning upload_id",
        (upload_id, row["id"]),
    )
    if kept is None:
        raise Problem(404, "There is no such asset.")
    if kept["upload_id"] != upload_id:
        await services.store.run(lambda s3: s3.abort_multipart_upload(Bucket=bucket, Key=key, UploadId=upload_id))
    return str(kept["upload_id"])


@router.get("/{asset_id}/upload", responses=errors(401, 404))
async def read_upload(asset_id: AssetId, caller: Caller, services: Service) -> AssetUpload:
    """Say how to go on with an upload that was interrupted: where to send, and which parts have arrived."""
    row = await find_asset(services, caller.account_id, asset_id)
    upload = await _upload_of(services, row)
    sent: list[SentPart] | None = []
    if isinstance(upload, MultipartUpload):
        bucket, key, upload_id = services.settings.storage.staging, staging_key(row["id"]), upload.upload_id
        sent = await services.store.run(lambda s3: list_parts(s3, bucket, key, upload_id=upload_id))
    return AssetUpload(asset=asset_of(row), upload=upload if sent is not None else None, sent=sent or [])


@router.post("/{asset_id}/complete", status_code=202, responses=errors(400, 401, 404, 408, 409, 413, 422))
async def complete_upload(
    asset_id: AssetId,
    caller: Caller,
    services: Service,
    body: Completion | None = None,
    idempotency_key: IdempotencyKey = None,
) -> Asset:
    """Verify what was sent and queue its preview; repeating it changes nothing.

    The checksum of a file over 1 GiB that was sent in parts is compared later: if it differs, the asset ends as failed.
    """
    completion = body or Completion()
    return await once(
        services,
        caller.account_id,
        idempotency_key,
        ("complete", asset_id, completion.model_dump_json()),
        Asset,
        lambda: _complete(services, caller, asset_id, completion),
    )


async def _complete(services: Services, caller: Caller, asset_id: str, completion: Completion) -> Asset:
    row = await find_asset(services, caller.account_id, asset_id)
    if not row["multipart"] or row["status"] != "awaiting_upload":
        return await _finish(services, caller, row, completion)
    # Of what came in parts the whole object is read: by one request at a time.
    async with claim(services, caller.account_id, asset_id) as held:
        if held.row is None:
            detail = "The upload is being completed or deleted by another request."
            raise Problem(409, detail, headers={"Retry-After": "1"})
        return await _finish(services, caller, held.row, completion)


async def _finish(services: Services, caller: Caller, row: DictRow, completion: Completion) -> Asset:
    """Verify and queue an upload that has not been queued yet."""
    if row["status"] != "awaiting_upload":
        return asset_of(row)
    await _verify(services, row, completion)
    async with services.database() as connection, connection.transaction():
        cursor = await connection.execute(
            """update assets set status = 'queued'
               where id = %s and account_id = %s and status = 'awaiting_upload' returning *""",
            (row["id"], caller.account_id),
        )
        queued = await cursor.fetchone()
        message = await enqueue(connection, str(row["id"])) if queued else None
    if queued is None or message is None:
        return asset_of(await find_asset(services, caller.account_id, str(row["id"])))
    counters.uploads.inc()
    await send(services, message)
    return asset_of(queued)


async def _require_whole(services: Services, row: DictRow, parts: Sequence[UploadedPart]) -> None:
    """Raise Problem 409 unless these parts have arrived and are all of the file.

    Once assembled they are gone: an upload that is completed too early could not be gone on with.
    """
    bucket, key = services.settings.storage.staging, staging_key(row["id"])
    sent = await services.store.run(lambda s3: list_parts(s3, bucket, key, upload_id=row["upload_id"]))
    if not sent:
        return  # assembled by an earlier request, or nothing has been sent: what the object is decides
    arrived = {part.part_number: part for part in sent}
    for part in parts:
        found = arrived.get(part.part_number)
        if found is None or found.etag.strip('"') != part.etag.strip('"'):
            raise Problem(409, f"Part {part.part_number} has not arrived, or has another ETag.")
    named_bytes = sum(arrived[number].size_bytes for number in {part.part_number for part in parts})
    if named_bytes != row["size_bytes"]:
        raise Problem(409, f"These parts have {named_bytes} bytes, {row['size_bytes']} were announced.")


async def _verify(services: Services, row: DictRow, body: Completion) -> None:
    """Raise Problem 409 unless the object has the announced size and checksum.

    The checksum of one that would have to be read and is too large for that is left to the worker, who compares it before
    anything is decoded.
    """
    bucket, key, upload_id, parts = (
        services.settings.storage.staging,
        staging_key(row["id"]),
        row["upload_id"],
        body.parts,
    )
    if row["multipart"] and upload_id:
        if parts is None:
            raise Problem(422, "This is a multipart upload: name its parts.")
        await _require_whole(services, row, parts)
        try:
            await services.bulk.run(lambda s3: assemble_parts(s3, bucket, key, upload_id=upload_id, parts=parts))
        except Exception as error:
            if error_code(error) in BAD_PARTS:
                raise Problem(
                    409, "The store refuses these parts: one is missing, too small or has another ETag."
                ) from error
            raise
    found = await services.store.run(lambda s3: stated_sha256(s3, bucket, key))
    if found is None:
        raise Problem(409, "Nothing has been uploaded yet.")
    size_bytes, sha256 = found
    if size_bytes != row["size_bytes"]:
        raise Problem(409, f"The upload has {size_bytes} bytes, {row['size_bytes']} were announced.")
    if sha256 is None and size_bytes > READ_AT_ONCE_BYTES:
        return
    sha256 = sha256 or await services.read_sha256(bucket, key, size_bytes)
    if sha256 != row["sha256"]:
        raise Problem(409, "The upload has another SHA-256 than was announced.")
