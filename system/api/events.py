"""Tell a browser how far a preview is, as server-sent events."""

import json
import time
from collections import Counter
from collections.abc import AsyncIterator

import psycopg
from fastapi import APIRouter, Response
from fastapi.responses import StreamingResponse
from redis.exceptions import RedisError

from system.api.documents import errors
from system.api.rows import AssetId, find_asset
from system.api.services import Service, Services
from system.api.sessions import Caller, is_open
from system.api.tokens import Claims
from system.common.lifecycle import wait_or_draining
from system.common.logging import get_logger
from system.common.problem import Problem

__all__ = ["router"]

POLL_S = 0.25
HEARTBEAT_S = 10.0
SESSION_CHECK_S = 5.0
LONGEST_S = 600.0  # browsers reconnect by themselves
STREAMS = 100
STREAMS_EACH = 20  # of one account, so that five are needed to use up an instance

# One event; `data` is JSON with status and progress.
EVENT = {
    "type": "object",
    "properties": {
        "event": {"const": "asset"},
        "data": {"type": "string", "contentMediaType": "application/json"},
        "retry": {"type": "integer"},
    },
    "required": ["event", "data"],
}

log = get_logger("api.events")
router = APIRouter(prefix="/v1/assets", tags=["assets"])
open_streams: Counter[str] = Counter()  # account -> how many it holds here


class EventStream(StreamingResponse):
    """Stream server-sent events."""

    media_type = "text/event-stream"


@router.get(
    "/{asset_id}/events",
    response_class=EventStream,
    responses={200: {"content": {"text/event-stream": {"schema": EVENT}}}, **errors(401, 404)},
)
async def follow_asset(asset_id: AssetId, caller: Caller, services: Service) -> Response:
    """Follow status and progress until the asset is ready or failed."""
    row = await find_asset(services, caller.account_id, asset_id)
    wait = {"Retry-After": "5"}
    if open_streams[caller.account_id] >= STREAMS_EACH:
        raise Problem(429, "This account is watching too many at once; try again.", headers=wait)
    if open_streams.total() >= STREAMS:
        raise Problem(503, "Too many are watching; try again.", headers=wait)
    events = _events(services, caller, asset_id, {"status": row["status"], "progress": row["progress"]})
    return EventStream(events, headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})


async def _events(services: Services, caller: Claims, asset_id: str, state: dict[str, object]) -> AsyncIterator[str]:
    open_streams[caller.account_id] += 1
    try:
        started_s = spoke_s = checked_s = time.monotonic()
        yield f"retry: 1000\n{_event(state)}"
        while state["status"] not in {"ready", "failed"} and time.monotonic() - started_s < LONGEST_S:
            if await wait_or_draining(POLL_S):
                return
            try:
                if time.monotonic() - checked_s > SESSION_CHECK_S:
                    checked_s = time.monotonic()
                    if not await is_open(services, caller):
                        return
                latest = await _state(services, asset_id)
            except (psycopg.OperationalError, psycopg.InterfaceError) as error:
                log.debug("no news from postgres", extra={"reason": type(error).__name__})
                latest = state
            if latest is None:
                return
            if latest != state:
                state, spoke_s = latest, time.monotonic()
                yield _event(state)
            elif time.monotonic() - spoke_s > HEARTBEAT_S:
                spoke_s = time.monotonic()
                yield ": still here\n\n"
    finally:
        open_streams[caller.account_id] -= 1
        if not open_streams[caller.account_id]:
            del open_streams[caller.account_id]


def _event(state: dict[str, object]) -> str:
    return f"event: asset\ndata: {json.dumps(state)}\n\n"


async def _state(services: Services, asset_id: str) -> dict[str, object] | None:
    """Take the status from Postgres, and the progress of a running job from Redis, where it is fresher."""
    row = await services.row("select status, progress from assets where id = %s", (asset_id,))
    if row is None:
        return None
    state: dict[str, object] = {"status": row["status"], "progress": row["progress"]}
    if row["status"] == "processing":
        try:
            fresh = json.loads(await services.redis.get(f"progress:{asset_id}") or "{}")
        except (RedisError, json.JSONDecodeError) as error:
            log.debug("no progress from redis", extra={"reason": type(error).__name__})
            return state
        progress = fresh.get("progress") if isinstance(fresh, dict) else None
        if isinstance(progress, int):
            state["progress"] = max(row["progress"], min(100, progress))
    return state
