"""The queue of jobs: what Postgres knows of it, and what is on its stream."""

from seatrial import Observe
from suites.client import Asset

STREAM, GROUP, DEAD = "jobs:preview", "workers", "jobs:preview:dead"
_JOBS = "select id::text, state, attempts, error from jobs where asset_id = any(%s) order by created_at"
_UNSENT = "select job_id::text from outbox where sent_at is null and job_id = any(%s::uuid[])"


def jobs(observe: Observe, *assets: Asset) -> list[dict[str, object]]:
    """Return id, state, attempts and error of the assets' jobs, oldest first."""
    return observe.pg.rows(_JOBS, ([each.id for each in assets],))


def on_stream(observe: Observe, stream: str = STREAM) -> list[str]:
    """Return the ids of the jobs that the stream's entries name."""
    return [fields.get("job_id", "") for _, fields in observe.redis.read("XRANGE", stream, "-", "+")]


def unsent(observe: Observe, job_ids: list[str]) -> set[str]:
    """Return those of the jobs whose message has not been put on the stream yet."""
    return {str(row["job_id"]) for row in observe.pg.rows(_UNSENT, (job_ids,))}


def pending(observe: Observe) -> int:
    """Return how many entries a worker was given and has not put away."""
    return int(observe.redis.read("XPENDING", STREAM, GROUP)["pending"])
