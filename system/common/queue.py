"""Name the job stream and its entries, for whoever writes or reads them."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

__all__ = ["DEAD_STREAM", "GROUP", "STREAM", "JobMessage", "progress_key"]

STREAM = "jobs:preview"
GROUP = "workers"
DEAD_STREAM = "jobs:preview:dead"


@dataclass(frozen=True)
class JobMessage:
    """Hold what an entry says: which job of which asset, and the trace id of the request that made it."""

    job_id: UUID
    asset_id: UUID
    trace: str

    def fields(self) -> dict[str, str]:
        """Give the entry's fields."""
        return {"job_id": str(self.job_id), "asset_id": str(self.asset_id), "trace": self.trace}

    @classmethod
    def parse(cls, fields: Mapping[str, str]) -> "JobMessage":
        """Read an entry's fields; raise ValueError when they name no job."""
        try:
            job_id, asset_id = UUID(fields["job_id"]), UUID(fields["asset_id"])
        except (KeyError, ValueError):
            raise ValueError(
                f"expected job_id and asset_id (UUIDs) and trace, got the fields {sorted(fields)}"
            ) from None
        return cls(job_id, asset_id, fields.get("trace") or secrets.token_hex(16))


def progress_key(asset_id: UUID) -> str:
    """Give the key under which the worker publishes `{"status": ..., "progress": 0-100}` while it works."""
    return f"progress:{asset_id}"
