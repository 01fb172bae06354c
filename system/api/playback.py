"""Sign playback links."""

import time
from datetime import UTC, datetime
from urllib.parse import urlsplit

from fastapi import APIRouter

from system.api import counters
from system.api.documents import errors
from system.api.models import PlaybackLink, PlaybackRequest
from system.api.rows import AssetId, find_asset
from system.api.services import Service
from system.api.sessions import Caller
from system.common.problem import Problem
from system.common.signing import sign_link

__all__ = ["router"]

router = APIRouter(prefix="/v1/assets", tags=["playback"])


@router.post("/{asset_id}/playback", status_code=201, responses=errors(400, 401, 404, 408, 409, 413, 422))
async def create_playback_link(
    asset_id: AssetId, wanted: PlaybackRequest, caller: Caller, services: Service
) -> PlaybackLink:
    """Sign a link that opens one variant of the asset for a while."""
    settings = services.settings
    lifetime_s = wanted.lifetime_s or min(settings.link_lifetime_s, settings.link_max_lifetime_s)
    if lifetime_s > settings.link_max_lifetime_s:
        raise Problem(422, f"A link lives {settings.link_max_lifetime_s} s at most.")
    row = await find_asset(services, caller.account_id, asset_id)
    if row["status"] != "ready":
        raise Problem(409, f"Only a ready asset can be played; this one is {row['status']}.")
    exp = int(time.time()) + lifetime_s
    query = sign_link(
        settings.link_keys.now,
        host=urlsplit(settings.play_origin).netloc,
        asset_id=asset_id,
        variant=wanted.variant,
        exp=exp,
    )
    counters.playback_links.labels(wanted.variant).inc()
    return PlaybackLink(
        url=f"{settings.play_origin}/v/{asset_id}/{wanted.variant}?{query}", expires_at=datetime.fromtimestamp(exp, UTC)
    )
