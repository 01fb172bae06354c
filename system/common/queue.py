"""Name the job stream and its entries, for whoever writes or reads them, and write them."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from uuid import UUID

from system.common import tracing

if TYPE_CHECKING:
    from system.common.database import Redis

__all__ = ["DEAD_STREAM", "GROUP", "STREAM", "JobMessage", "progress_key", "publish"]

STREAM = "jobs:preview"
GROUP = "workers"
DEAD_STREAM = "jobs:preview:dead"


@dataclass(frozen=True)
class JobMessage:
    """Hold what an entry says: which job of which asset, the trace id of the request that made it, and the traceparent to go on with."""

    job_id: UUID
    asset_id: UUID
    trace: str
    traceparent: str = ""

    @classmethod
    def of(cls, job_id: UUID, asset_id: UUID, kept: str) -> "JobMessage":
        """Make the message of an outbox row, which keeps a traceparent, or the trace id alone."""
        traceparent = kept if "-" in kept else ""
        return cls(job_id, asset_id, traceparent.split("-")[1] if traceparent else kept, traceparent)

    def fields(self) -> dict[str, str]:
        """Give the entry's fields."""
        named = {"job_id": str(self.job_id), "asset_id": str(self.asset_id), "trace": self.trace}
        return named | {"traceparent": self.traceparent}

    @classmethod
    def parse(cls, fields: Mapping[str, str]) -> "JobMessage":
        """Read an entry's fields; raise ValueError when they name no job."""
        try:
            job_id, asset_id = UUID(fields["job_id"]), UUID(fields["asset_id"])
        except (KeyError, ValueError):
            raise ValueError(
                f"expected job_id and asset_id (UUIDs) and trace, got the fields {sorted(fields)}"
            ) from None
        trace = fields.get("trace") or secrets.token_hex(16)
        return cls(job_id, asset_id, trace, fields.get("traceparent", ""))


async def publish(redis: "Redis", stream: str, message: JobMessage) -> None:
    """Append the message to its stream: https://opentelemetry.io/docs/specs/semconv/messaging/messaging-spans/."""
    about = {"messaging.system": "redis", "messaging.operation.type": "send", "messaging.destination.name": stream}
    with tracing.span(f"send {stream}", tracing.SpanKind.PRODUCER, about, parent=message.traceparent):
        sent = replace(message, traceparent=tracing.traceparent() or message.traceparent)
        fields: dict[Any, Any] = {**sent.fields()}
        await redis.xadd(stream, fields)


def progress_key(asset_id: UUID) -> str:
    """Give the key under which the worker publishes `{"status": ..., "progress": 0-100}` while it works."""
    return f"progress:{asset_id}"
