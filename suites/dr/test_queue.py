"""Drills on the queue: Redis without its memory, and a job that nobody can do."""

from seatrial import BLOCKER, Destroy, Exercise, Invalid, Plan, check, eventually, require
from seatrial.drills import Drill
from suites.client import Asset, Session, instances, poison_clip, signed_in, small_clip, uploaded_asset
from suites.dr._callers import Callers
from suites.dr._queue import DEAD, GAVE_UP, GROUP, STREAM, jobs, on_stream, pending
from suites.dr._steady import steady
from suites.dr._uploads import Uploads, results

WAITING = 4
BESIDE = 3


@check(
    "DR-RD-02",
    severity=BLOCKER,
    component="redis",
    plan=Plan(
        strikes="every key of Redis is deleted (FLUSHDB): the queue, its group, progress, rate limits",
        noticed="whoever waits for a preview: it comes later by the lease",
        undone="restores keys that have not been made anew",
        undo_s=10,
        answered_by=("INF-RD-04", "INF-RD-05", "DEP-HLT-01"),
    ),
)
def test_an_emptied_queue_is_rebuilt(destroy: Destroy) -> None:
    """Redis emptied in the middle of work: the queue is rebuilt from PostgreSQL, and no job is lost or done twice.

    Why it matters: Redis is a cache that somebody will empty one day, by hand, by a failover to a replica that was behind, or
    by a plan that was too small. Every job is a row first, so that this costs seconds; whether it really does, only an
    emptied Redis tells.

    How it is measured: a long upload for each worker and four short ones are acknowledged; while the long ones are worked on the
    others wait on the stream. All keys are deleted. Manipulation check: another connection finds none of the waiting jobs on the stream. The
    clock runs until the workers' group is there again, until every job that is not finished is back on the stream
    (targets.queue_rebuilt_s), and until all previews are ready. Afterwards each acknowledged upload is there, once, each job
    was done at its first attempt, with one preview and one poster that are not replaced later, nothing is pending, the
    product is steady, and no call of others failed.

    Not covered: Redis gone, not emptied (DR-RD-01, DEP-HLT-02); rate limits, which begin anew.
    """
    session = signed_in(destroy)
    uploads = Uploads(destroy, session)
    with Drill(destroy, steady(destroy, session), within_s=float(destroy.target("ready_s"))) as drill:
        long = [uploads.long() for _ in range(max(1, len(instances(destroy, "worker"))))]
        _until_running(destroy, *long)
        waiting = uploads.short(WAITING)
        ids = {str(row["id"]) for row in jobs(destroy, *waiting)}
        if len(ids) < WAITING or not ids <= set(on_stream(destroy)):
            raise Invalid(f"not all of {WAITING} jobs wait on the stream: the workers are too quick, or not all busy")
        with Callers(destroy, session, drill) as callers:
            drill.strike(
                "every key of Redis deleted",
                lambda: destroy.evidence("keys deleted", destroy.redis.flush()),
                lambda: not ids & set(on_stream(destroy)),
            )
            drill.recover(
                {
                    "group made again": lambda: _has_group(destroy),
                    "queue rebuilt": lambda: _held(destroy, waiting),
                    "previews ready": lambda: _all_ready(session, *long, *waiting),
                },
                within_s=float(destroy.target("queue_rebuilt_s")) + float(destroy.target("preview_s")),
                budgets_s={"queue rebuilt": float(destroy.target("queue_rebuilt_s"))},
                where="worker",
                stop=callers.harm,
            )
        with destroy.cases(at_least=4) as cases:
            with cases("nobody else notices"):
                callers.judge()
            with cases("every acknowledged upload"):
                visible = [results(destroy, each) for each in (*long, *waiting)]
                uploads.require_whole(WAITING + len(long), drill.struck_s)
            with cases("nothing is left over"):
                drill.require_steady()
                what = "no pending entry on the stream"
                eventually(lambda: pending(destroy) == 0, within_s=5, what=what, where="redis")
            with cases("each done once, and not replaced"):
                seen = [(row["state"], row["attempts"]) for row in jobs(destroy, *long, *waiting)]
                wanted = [("done", 1)] * (WAITING + len(long))
                require(seen == wanted, "each job done at its first attempt", f"{seen}", "worker")
                now = [results(destroy, each) for each in (*long, *waiting)]
                require(now == visible, "the results that were visible first", "others by now", "s3")


@check(
    "DR-WK-02",
    severity=BLOCKER,
    component="worker",
    alone=True,
    plan=Plan(
        strikes="nothing: it uploads a file that no attempt survives",
        noticed="nobody; its job takes a worker's time for three attempts",
        undone="removes the upload, whose letter the product removes then",
        undo_s=10,
        answered_by=("INF-RD-05", "DEP-HLT-01"),
    ),
)
def test_a_poison_job_is_put_aside(exercise: Exercise) -> None:
    """A job that fails at every attempt is put aside after targets.job_attempts of them, with the reason, while others flow.

    Why it matters: one upload that cannot be done and is tried for ever takes a worker away from everybody; one that is
    dropped without a word leaves its owner waiting, and nobody who could find out why.

    How it is measured: a clip is uploaded whose picture is well and whose sound is made of values that are no numbers: FFmpeg's
    encoder gives up on it with an error that could be the machine's. Three clips that are well are uploaded right after it:
    each must be ready within targets.preview_s. The poison must end as failed within targets.job_attempts leases and as much
    again, after exactly so many attempts, with a reason that its owner can read; there must be one dead letter that names its
    job and the reason, nothing pending of it, and nothing published. Then its asset is removed, and the letter must be gone
    within two leases, for nobody waits for the video any more. Should it become ready, or fail as bad input at once, this
    FFmpeg or this product knows the clip by now, and nothing is measured: INVALID.

    Not covered: a job that kills its worker (DEP-FLOW-03's files; DR-WK-01); what becomes of a letter whose asset stays, which is
    a person's decision.
    """
    attempts, lease_s = int(exercise.target("job_attempts")), float(exercise.target("lease_s"))
    session = signed_in(exercise)
    poison = uploaded_asset(exercise, session, poison_clip(), "poison")
    beside = [uploaded_asset(exercise, session, small_clip(), f"beside {number}") for number in range(BESIDE)]
    job = str(jobs(exercise, poison)[0]["id"])
    with exercise.cases(at_least=5) as cases:
        with cases("others flow"):
            session.wait_for_all(beside, within_s=float(exercise.target("preview_s")))
        with cases("given up"):
            ended = session.wait(poison.id, within_s=2 * attempts * lease_s, until=frozenset({"failed"}))
            row = jobs(exercise, poison)[0]
            exercise.evidence("the job", {**row, "told": ended.failure_reason})
            if ended.status == "ready" or (row["attempts"] == 1 and "decoded" in str(ended.failure_reason)):
                raise Invalid(f"the clip is no poison: {ended.status}, {ended.failure_reason}")
            seen = (row["state"], row["attempts"])
            require(seen == ("failed", attempts), f"the job failed after {attempts} attempts", f"{seen}", "worker")
            told = ended.failure_reason or ""
            require(GAVE_UP.format(attempts) in told, f"a reason that says {GAVE_UP.format(attempts)!r}", repr(told))
        with cases("one dead letter"):
            entries = exercise.redis.read("XRANGE", DEAD, "-", "+")
            mine = [fields for _, fields in entries if fields.get("job_id") == job]
            require(len(mine) == 1, "one dead letter that names the job", f"{len(mine)}", "redis")
            require(mine[0].get("reason"), "a dead letter with a reason", f"{mine[0]}", "redis")
            others = {str(row["id"]) for row in jobs(exercise, *beside)}
            buried = others & {fields.get("job_id") for _, fields in entries}
            require(not buried, "no dead letter of the others", f"{buried}", "redis")
        with cases("nothing is left over"):
            what = "the job off the stream"
            eventually(lambda: job not in on_stream(exercise), within_s=5, what=what, where="redis")
            keys = [each.key for each in exercise.s3.list("previews", f"previews/{poison.id}/")]
            require(not keys, "nothing published", f"{keys}", "s3")
        with cases("the letter goes with its asset"):
            session.remove(poison.id)
            what = "no dead letter of an asset that is gone"
            eventually(lambda: job not in on_stream(exercise, DEAD), within_s=2 * lease_s, what=what, where="worker")


def _until_running(destroy: Destroy, *assets: Asset) -> None:
    try:
        eventually(
            lambda: [row["state"] for row in jobs(destroy, *assets)] == ["running"] * len(assets),
            within_s=15,
            every_s=0.05,
            what="every worker busy with a long job",
        )
    except AssertionError as error:
        raise Invalid(f"the workers could not be kept busy: {error}") from None


def _has_group(destroy: Destroy) -> bool:
    groups = destroy.redis.read("XINFO", "GROUPS", STREAM)
    return any(group["name"] == GROUP for group in groups)


def _held(destroy: Destroy, waiting: list[Asset]) -> bool:
    """Say whether every job is on the stream again, or over with."""
    there = set(on_stream(destroy))
    return all(str(row["id"]) in there or row["state"] in {"running", "done"} for row in jobs(destroy, *waiting))


def _all_ready(session: Session, *assets: Asset) -> bool:
    return all(session.asset(each.id).status == "ready" for each in assets)
