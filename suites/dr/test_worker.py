"""Measured drills on the workers."""

from seatrial import BLOCKER, Destroy, Disrupt, Invalid, Plan, check, eventually, require
from seatrial.drills import Drill
from suites.client import Asset, Session, instances, signed_in, uploaded_asset
from suites.deploy import media
from suites.dr import _alarm as alarm
from suites.dr._callers import Callers
from suites.dr._queue import (
    DEAD,
    GAVE_UP,
    in_the_middle_of,
    jobs,
    letters_of,
    on_stream,
    pending,
    unsent,
)
from suites.dr._steady import steady
from suites.dr._uploads import LONG_S, Uploads, long_clip, results

BESIDE = 3
WAITING = 5
GRACE_S = 2.0
NOBODY = "nobody.00000000"
SHORTER_S = 8.0
ALERT = "InstanceDown"


@check(
    "DR-WK-01",
    severity=BLOCKER,
    component="worker",
    plan=Plan(
        strikes="the worker that holds a job is killed in the middle of it, with its FFmpeg; another job of its own gets another owner",
        noticed="whoever waits for that preview: it comes later by the lease and a second attempt",
        undone="waits until the worker is back, and puts the row of the other job back",
        undo_s=60,
        answered_by=("INF-RD-05", "DEP-HLT-01"),
    ),
)
def test_a_killed_workers_job_is_reclaimed(destroy: Destroy) -> None:
    """A worker killed in the middle of a job: the job is reclaimed within lease + 2 s, with exactly one visible result.

    Why it matters: machines die, and at-least-once delivery has two ways to go wrong: the job waits for ever with the
    dead worker, or it is done twice and the second result replaces what somebody is watching. A file that kills whoever
    works on it takes one worker after the other, unless somebody gives it up.

    How it is measured: four uploads are acknowledged, one of them long. While that one is being worked on, the worker
    which holds its lease is killed with SIGKILL. Manipulation check: the process and its FFmpeg are gone from the
    platform's process tree, else INVALID. Clocks from the kill: a worker is ready, the job is claimed again (its
    second attempt in Postgres), the preview is ready. The claim must come within targets.lease_s + 2 s. Afterwards
    there is one job, done in two attempts, two objects of the asset and no more, a preview of the full duration that
    is not replaced later, no pending entry, no new dead letter, every instance ready, every acknowledged upload
    found, once, and ready, and no call of others failed. Then another long upload is worked on, and its row in Postgres is
    changed to what it would be if this worker had been asleep for longer than its lease: the last of targets.job_attempts, and
    held by a worker that there is not. What the first one makes late may not become visible, and since nobody extends that lease,
    the asset must have failed within three leases, with a reason that its owner can read and one dead letter, nothing published
    and nothing pending. The letter must be gone within two leases of the asset.

    Not covered: a worker that was asleep while it published; a lost machine with its disk; jobs whose attempts end in an error
    (DR-WK-02).
    """
    _workers_offered(destroy, "kill")
    session = signed_in(destroy)
    uploads, dead_letters = Uploads(destroy, session), destroy.redis.read("XLEN", DEAD)
    with Drill(destroy, steady(destroy, session), within_s=float(destroy.target("ready_s"))) as drill:
        long = uploads.long()
        uploads.short(BESIDE)
        job, part = in_the_middle_of(destroy, long)
        before = {each.pid for each in destroy.platform.processes() if each.part == part}
        with Callers(destroy, session, drill) as callers:
            drill.strike(
                f"{part} killed in the middle of a job",
                lambda: destroy.platform.kill(part, signal="KILL"),
                lambda: not before & {each.pid for each in destroy.platform.processes()},
            )
            drill.recover(
                {
                    "worker ready": lambda: any(_ready(destroy, each) for each in _addresses(destroy)),
                    "job reclaimed": lambda: _attempts(destroy, job) >= 2,
                    "preview ready": lambda: session.asset(long.id).status == "ready",
                },
                within_s=float(destroy.target("preview_s")),
                budgets_s={"job reclaimed": float(destroy.target("lease_s")) + GRACE_S},
                where="worker",
                stop=callers.harm,
            )
        with destroy.cases(at_least=6) as cases:
            with cases("nobody else notices"):
                callers.judge()
            with cases("exactly one visible result"):
                etags = results(destroy, long)
                _require_preview(destroy, session, long)
            with cases("every acknowledged upload"):
                uploads.require_whole(BESIDE + 1, drill.struck_s)
            with cases("nothing is left over"):
                drill.require_steady()
                what = "no pending entry on the stream"
                eventually(lambda: pending(destroy) == 0, within_s=5, what=what, where="redis")
                letters = destroy.redis.read("XLEN", DEAD)
                require(
                    letters <= dead_letters, f"{dead_letters} dead letters, as before, or fewer", f"{letters}", "redis"
                )
            with cases("one job, one result, not replaced"):
                seen = [(row["state"], row["attempts"]) for row in jobs(destroy, long)]
                require(seen == [("done", 2)], "one job, done in two attempts", f"{seen}", "postgres")
                now = results(destroy, long)
                require(now == etags, "the result that was visible first", "another one by now", "s3")
            with cases("late, and in vain"):
                _require_given_up(destroy, session, drill)


def _require_given_up(destroy: Destroy, session: Session, drill: Drill) -> None:
    """Take the lease of a job in its last attempt from a worker that goes on, and demand that the job ends without its result."""
    attempts, lease_s = int(destroy.target("job_attempts")), float(destroy.target("lease_s"))
    last = uploaded_asset(destroy, session, long_clip(SHORTER_S), "last attempt")
    job, part = in_the_middle_of(destroy, last)

    def pass_on() -> None:
        destroy.pg.update_row("jobs", {"id": job}, "attempts", attempts)
        destroy.pg.update_row("jobs", {"id": job}, "lease_owner", NOBODY)

    drill.strike(f"the lease of {part} passed on", pass_on, lambda: _owner(destroy, job) == NOBODY)
    ended = session.wait(last.id, within_s=3 * lease_s, until=frozenset({"failed"}))
    drill.event("given up")
    made = f"no result of {part}, whose lease was taken"
    require(ended.status == "failed", made, f"{ended.status} {ended.failure_reason or ''}", "worker")
    told, reason = ended.failure_reason or "", GAVE_UP.format(attempts)
    require(reason in told, f"a reason that says {reason!r}", repr(told), "worker")
    letters = letters_of(destroy, job)
    require(len(letters) == 1, "one dead letter that names the job", f"{len(letters)}", "redis")
    keys = [each.key for each in destroy.s3.list("previews", f"previews/{last.id}/")]
    require(not keys, "nothing published", f"{keys}", "s3")
    eventually(lambda: pending(destroy) == 0, within_s=5, what="no pending entry on the stream", where="redis")
    drill.undo()
    session.remove(last.id)
    what = "no dead letter of an asset that is gone"
    eventually(lambda: not letters_of(destroy, job), within_s=2 * lease_s, what=what, where="worker")


def _owner(destroy: Destroy, job: str) -> str:
    rows = destroy.pg.rows("select lease_owner from jobs where id = %s::uuid", (job,))
    return str(rows[0]["lease_owner"]) if rows else ""


@check(
    "DR-WK-03",
    severity=BLOCKER,
    component="worker",
    plan=Plan(
        strikes="every worker is stopped",
        noticed="whoever waits for a preview; uploads are accepted all the same",
        undone="starts the workers",
        undo_s=40,
        answered_by=("INF-RD-05", "DEP-HLT-01"),
    ),
)
def test_the_queue_holds_while_all_workers_are_gone(disrupt: Disrupt) -> None:
    """With every worker gone uploads are accepted, no job is lost, and an alert fires; once one is back the queue drains.

    Why it matters: workers are the part that is scaled to nothing, upgraded and preempted. A queue that forgets, or an API
    that refuses because nobody works, makes a pause of the cheap part an outage of the whole.

    How it is measured: every part that the platform calls a worker is stopped. Manipulation check: none has a process any
    more, and none of the declared addresses answers. Then five uploads must be acknowledged, stay queued, and have
    their jobs where a worker will find them: on the stream, or marked as unsent in the outbox; the rest of the product must
    be steady meanwhile. InstanceDown, which fired for no worker before, must fire for each of them within its line of
    targets.alert_times, by Prometheus' own word. The workers are started; the clock starts there: a worker ready, and every
    preview ready within targets.drained_s. Each job was done once, at its first attempt, every acknowledged upload is there,
    once, and no entry is left pending. Where no monitoring is declared, or none runs, all else is judged, and then the check
    is INVALID.

    Not covered: the way of that alert to people (MON-03); workers of which the monitoring is told that there should be none,
    where the queue's own alert is left (QueueStuck, MON-02); a queue longer than Redis has room for (INF-RD-03); workers
    that hang.
    """
    _workers_offered(disrupt, "stop")
    session = signed_in(disrupt)
    uploads = Uploads(disrupt, session)
    parts = [each.name for each in disrupt.platform.status().instances("worker")]
    if not (unseen := alarm.unseen(disrupt)):
        alarm.require_silent(disrupt, ALERT, parts)
    with Drill(disrupt, steady(disrupt, session), within_s=float(disrupt.target("ready_s"))) as drill:
        drill.strike(
            f"{', '.join(parts)} stopped",
            lambda: _stop(disrupt, parts),
            lambda: _gone(disrupt, parts),
        )
        with disrupt.cases(at_least=5) as cases, Callers(disrupt, session, drill) as callers:
            waiting = uploads.short(WAITING)
            with cases("the jobs are held"):
                rows = jobs(disrupt, *waiting)
                states = [row["state"] for row in rows]
                require(states == ["queued"] * WAITING, f"{WAITING} jobs queued", f"{states}", "postgres")
                ids = [str(row["id"]) for row in rows]
                lost = set(ids) - {*on_stream(disrupt), *unsent(disrupt, ids)}
                require(not lost, "each job on the stream or unsent in the outbox", f"{len(lost)} on neither", "redis")
            with cases("the rest is steady"):
                steady(disrupt, session, "worker")()
            if not unseen:
                with cases("an alert fires"):
                    told = alarm.require_fires(disrupt, ALERT, parts, drill.struck_s)
                    disrupt.evidence(f"{ALERT}, seconds after the strike", told)
                    drill.event(f"{ALERT} fires")
            with cases("the queue drains"):
                drill.undo()
                drill.recover(
                    {
                        "worker ready": lambda: any(_ready(disrupt, each) for each in _addresses(disrupt)),
                        "queue drained": lambda: all(session.asset(each.id).status == "ready" for each in waiting),
                    },
                    within_s=float(disrupt.target("drained_s")),
                    since_undo=True,
                    where="worker",
                    stop=callers.harm,
                )
            with cases("each done once"):
                uploads.require_whole(WAITING, drill.struck_s)
                seen = [(row["state"], row["attempts"]) for row in jobs(disrupt, *waiting)]
                require(seen == [("done", 1)] * WAITING, "each job done at its first attempt", f"{seen}", "worker")
                what = "no pending entry on the stream"
                eventually(lambda: pending(disrupt) == 0, within_s=5, what=what, where="redis")
            with cases("nobody else notices"):
                callers.judge()
        drill.require_steady()
    if unseen:
        raise Invalid(f"{unseen}, which would tell whether an alert fires; all else is as it should be")


def _workers_offered(disrupt: Disrupt, call: str) -> None:
    if not _addresses(disrupt) or not disrupt.platform.offers(call):
        raise Invalid(f"no worker can be struck here: the profile lists none, or the platform does not offer {call}")


def _addresses(disrupt: Disrupt) -> list[str]:
    return [each.via for each in instances(disrupt, "worker") if each.via]


def _ready(disrupt: Disrupt, address: str) -> bool:
    path = disrupt.profile.services["worker"].ready
    return disrupt.http.get(f"api:{path}", via=address, timeout_s=2.0).status == 200


def _stop(disrupt: Disrupt, parts: list[str]) -> None:
    for part in parts:
        disrupt.platform.stop(part)


def _gone(disrupt: Disrupt, parts: list[str]) -> bool:
    running = {each.part for each in disrupt.platform.processes()}
    path = disrupt.profile.services["worker"].live
    answers = [disrupt.http.get(f"api:{path}", via=each, timeout_s=2.0).status for each in _addresses(disrupt)]
    return not running & set(parts) and not any(answers)


def _attempts(destroy: Destroy, job: str) -> int:
    rows = destroy.pg.rows("select attempts from jobs where id = %s::uuid", (job,))
    return int(rows[0]["attempts"]) if rows else 0


def _require_preview(destroy: Destroy, session: Session, asset: Asset) -> None:
    answer = destroy.http.get(session.playback(asset.id).url, timeout_s=30.0)
    require(answer.status == 200, "200 for the preview's signed link", f"{answer}", "edge")
    seen_s = media.inspect(answer.body, "the preview").duration_s
    require(abs(seen_s - LONG_S) <= 0.2, f"a preview of {LONG_S:g} s", f"{seen_s:.2f} s")
