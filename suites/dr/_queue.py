"""The queue of jobs: what Postgres knows of it, and what is on its stream."""

from seatrial import Invalid, Observe, eventually
from suites.client import Asset

STREAM, GROUP, DEAD = "jobs:preview", "workers", "jobs:preview:dead"
GAVE_UP = "gave up after {} attempts"
_JOBS = "select id::text, state, attempts, error from jobs where asset_id = any(%s) order by created_at"
_HELD = "select id::text, lease_owner from jobs where asset_id = %s and state = 'running'"
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


def letters_of(observe: Observe, job: str) -> list[dict[str, str]]:
    """Return the dead letters that name a job."""
    return [fields for _, fields in observe.redis.read("XRANGE", DEAD, "-", "+") if fields.get("job_id") == job]


def in_the_middle_of(observe: Observe, asset: Asset) -> tuple[str, str]:
    """Wait until a worker with a running FFmpeg holds the asset's job; return the job's id and the worker's part."""

    def running() -> tuple[str, str] | None:
        for row in observe.pg.rows(_HELD, (asset.id,)):
            part = str(row["lease_owner"]).rpartition(".")[0]
            if any(each.part == part and "ffmpeg" in each.command for each in observe.platform.processes()):
                return str(row["id"]), part
        return None

    try:
        return eventually(running, within_s=30, every_s=0.05, what="the job in the middle of FFmpeg") or ("", "")
    except AssertionError as error:
        raise Invalid(f"no worker could be caught in mid-job: {error}") from None
