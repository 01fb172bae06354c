"""Strikes on streams and consumer groups."""

import secrets
from base64 import b64decode, b64encode
from collections.abc import Mapping
from typing import Any

import redis as driver

from seatrial.errors import EnvironmentFault, HarnessError, Invalid
from seatrial.facets.redis._observe import own_client
from seatrial.inverses import inverse
from seatrial.scope import Scope

_PENDING_LIMIT = 10_000
_TRIES = 5


class StreamStrikes:
    """What `destroy.redis` does to streams."""

    _scope: Scope

    def destroy_group(self, stream: str, group: str) -> None:
        """XGROUP DESTROY; the inverse makes it at the id delivered last, with the entries that are pending now."""
        client = own_client(self._scope)
        now = _group(client, stream, group)
        if now is None:
            raise HarnessError(f"redis has no group {group!r} on {stream!r}")
        pending = client.xpending_range(stream, group, "-", "+", _PENDING_LIMIT)
        self._strike(
            "create_group",
            stream=stream,
            group=group,
            last_id=now["last-delivered-id"],
            entries_read=now.get("entries-read"),
            pending=[[row["message_id"], row["consumer"], row["times_delivered"]] for row in pending],
        )
        client.xgroup_destroy(stream, group)

    def add_entry(self, stream: str, fields: Mapping[str, str]) -> str:
        """XADD an entry and return its id; the inverse acknowledges it in every group and deletes it."""
        client = own_client(self._scope)
        for _ in range(_TRIES):
            entry_id = _next_id(client, stream)
            self._strike("drop_entry", stream=stream, entry_id=entry_id, made=not client.exists(stream))
            try:
                client.xadd(stream, dict(fields), id=entry_id)
            except driver.ResponseError as error:
                if "equal or smaller" not in str(error):
                    raise
            else:
                return entry_id
        raise Invalid(f"the stream {stream} grew faster than an entry could be placed, {_TRIES} times")

    def add_pending(
        self, stream: str, group: str, consumer: str, fields: Mapping[str, str] | None = None, idle_s: float = 0.0
    ) -> str:
        """Add an entry that `consumer` took and did not acknowledge, idle for so long, and return its id.

        The inverse acknowledges and deletes it and removes the consumer if it is new. Raises Invalid while the group
        has undelivered entries, because the consumer would take those.
        """
        client = own_client(self._scope)
        known = {row["name"] for row in client.xinfo_consumers(stream, group)}
        entry_id = _next_id(client, stream)
        new = None if consumer in known else [group, consumer]
        self._strike("drop_entry", stream=stream, entry_id=entry_id, made=False, consumer=new)
        with client.pipeline(transaction=True) as pipe:
            pipe.watch(stream)
            group_now = _group(client, stream, group)
            if group_now is None or client.xrange(stream, f"({group_now['last-delivered-id']}", "+", 1):
                raise Invalid(f"group {group} of {stream} has undelivered entries, so no pending one can be placed")
            pipe.multi()
            pipe.xadd(stream, dict(fields or {"seatrial": "pending"}), id=entry_id)
            pipe.xreadgroup(group, consumer, {stream: ">"}, count=1)
            pipe.execute_command(
                "XCLAIM", stream, group, consumer, 0, entry_id, "IDLE", int(idle_s * 1000), "RETRYCOUNT", 1, "JUSTID"
            )
            try:
                pipe.execute()
            except driver.WatchError:
                raise Invalid(f"the stream {stream} changed while a pending entry was placed") from None
        return entry_id

    def trim(self, stream: str, length: int = 0) -> None:
        """XTRIM a stream to its newest entries; the inverse restores it with its groups, and keeps what came since."""
        client = own_client(self._scope, decode=False)
        payload = client.dump(stream)
        if payload is None:
            raise HarnessError(f"redis has no key {stream!r}")
        last_id = str(own_client(self._scope).xinfo_stream(stream)["last-generated-id"])
        self._strike("restore_stream", stream=stream, last_id=last_id, payload=b64encode(payload).decode())
        client.xtrim(stream, maxlen=length, approximate=False)

    def _strike(self, name: str, /, **args: Any) -> None:
        self._scope.undo(f"redis.{name}", args)
        self._scope.meter.add(requests=1, writes=1)


def _group(client: Any, stream: str, group: str) -> dict[str, Any] | None:
    try:
        groups = client.xinfo_groups(stream)
    except driver.ResponseError as error:
        raise HarnessError(f"redis has no stream {stream!r}: {error}") from None
    return next((dict(row) for row in groups if row["name"] == group), None)


def _next_id(client: Any, stream: str) -> str:
    """Return an id after the stream's last, known before it is used and taken by nobody else."""
    seconds, microseconds = client.time()
    now_ms = seconds * 1000 + microseconds // 1000
    last = str(client.xinfo_stream(stream)["last-generated-id"]) if client.exists(stream) else "0-0"
    last_ms, last_number = (int(part) for part in last.split("-"))
    if now_ms > last_ms:
        return f"{now_ms}-{secrets.randbelow(1 << 32)}"
    return f"{last_ms}-{last_number + 1 + secrets.randbelow(1 << 32)}"


@inverse("redis.create_group")
def _undo_destroy_group(
    scope: Scope, *, stream: str, group: str, last_id: str, entries_read: int | None, pending: list[list[Any]]
) -> None:
    client = own_client(scope)
    read = [] if entries_read is None else ["ENTRIESREAD", entries_read]
    with client.pipeline(transaction=True) as pipe:
        pipe.execute_command("XGROUP CREATE", stream, group, last_id, "MKSTREAM", *read)
        for entry_id, consumer, deliveries in pending:
            pipe.execute_command(
                "XCLAIM", stream, group, consumer, 0, entry_id, "RETRYCOUNT", deliveries, "FORCE", "JUSTID"
            )
        try:
            pipe.execute()
        except driver.ResponseError as error:
            if "BUSYGROUP" not in str(error):
                raise


@inverse("redis.drop_entry")
def _undo_add_entry(scope: Scope, *, stream: str, entry_id: str, made: bool, consumer: list[str] | None = None) -> None:
    client = own_client(scope)
    if not client.exists(stream):
        return
    groups = [row["name"] for row in client.xinfo_groups(stream)]
    for group in groups:
        client.xack(stream, group, entry_id)
    client.xdel(stream, entry_id)
    if consumer is not None and consumer[0] in groups:
        client.xgroup_delconsumer(stream, *consumer)
    if made and not groups and not client.xlen(stream):
        client.delete(stream)


@inverse("redis.restore_stream")
def _undo_trim(scope: Scope, *, stream: str, last_id: str, payload: str) -> None:
    client = own_client(scope, decode=False)
    for _ in range(_TRIES):
        with client.pipeline(transaction=True) as pipe:
            pipe.watch(stream)
            since = client.xrange(stream, f"({last_id}", "+")
            pipe.multi()
            pipe.restore(stream, 0, b64decode(payload), replace=True)
            for entry_id, fields in since:
                pipe.xadd(stream, fields, id=entry_id)
            try:
                pipe.execute()
            except driver.WatchError:
                continue
            return
    raise EnvironmentFault(f"the stream {stream} changed during each of {_TRIES} attempts to restore it")
