"""Find an owner's assets and present them."""

from typing import Annotated

from fastapi import Path
from psycopg.rows import DictRow

from system.api.models import UUID_PATTERN, Asset, Master
from system.api.services import Services
from system.common.problem import Problem

__all__ = ["AssetId", "asset_of", "find_asset", "master_key", "poster_key", "preview_key", "staging_key"]

AssetId = Annotated[str, Path(pattern=UUID_PATTERN, json_schema_extra={"format": "uuid"})]


async def find_asset(services: Services, account_id: str, asset_id: str) -> DictRow:
    """Read a row; Problem 404 when there is none, or when it is another account's."""
    row = await services.row("select * from assets where id = %s and account_id = %s", (asset_id, account_id))
    if row is None:
        raise Problem(404, "There is no such asset.")
    return row


def asset_of(row: DictRow) -> Asset:
    """Present a row."""
    master = None
    if row["master_key"] is not None:
        master = Master(
            bucket=row["master_bucket"],
            key=row["master_key"],
            version_id=row["master_version_id"],
            sha256=row["sha256"],
            size_bytes=row["size_bytes"],
            retained_until=row["master_retained_until"],
        )
    return Asset(
        id=str(row["id"]),
        title=row["title"],
        filename=row["filename"],
        content_type=row["content_type"],
        status=row["status"],
        progress=row["progress"],
        failure_reason=row["failure_reason"],
        size_bytes=row["size_bytes"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        master=master,
    )


def staging_key(asset_id: object) -> str:
    """Give the key of the upload."""
    return f"uploads/{asset_id}"


def master_key(asset_id: object) -> str:
    """Give the key of the master."""
    return f"masters/{asset_id}"


def preview_key(asset_id: object) -> str:
    """Give the key of the preview."""
    return f"previews/{asset_id}/preview.mp4"


def poster_key(asset_id: object) -> str:
    """Give the key of the poster."""
    return f"previews/{asset_id}/poster.jpg"
