"""The measured drill on Redis: its primary is lost."""

import itertools
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from seatrial import BLOCKER, Destroy, Failure, Invalid, Plan, check, eventually, require
from seatrial.drills import Drill, Ledger, outage, require_whole
from seatrial.traffic import Shot, Traffic
from suites.client import Asset, Session, remove, signed_in, small_clip
from suites.dr._sentinels import split
from suites.dr._steady import steady

DEAD = "jobs:preview:dead"
UPLOADS_PER_S = 1.5
BEFORE, AFTER = 4, 4  # uploads: before the strike, and after the recovery
LATE_S, SLOW_S, SHARE = 1.0, 5.0, 0.1  # what is judged is timed by the database; these tell of a starved machine
SETTLED_S = 5.0
LOG_LINES = 400

SENT = """
select extract(epoch from outbox.sent_at - %(struck)s)::float as after_s, assets.title
from outbox join jobs on jobs.id = outbox.job_id join assets on assets.id = jobs.asset_id
where outbox.created_at > %(lost)s and outbox.sent_at is not null and assets.title like %(mine)s
order by outbox.sent_at limit 1
"""
JOBS = """
select assets.title, jobs.state, jobs.attempts from jobs join assets on assets.id = jobs.asset_id
where assets.title like %(mine)s order by assets.title
"""


@check(
    "DR-RD-01",
    severity=BLOCKER,
    component="redis",
    plan=Plan(
        strikes="the primary of Redis is killed and kept down, as with a lost machine",
        noticed="jobs and progress wait for some seconds, rate limits begin anew; uploads go on",
        undone="it is started, and is the primary again once it has a copy of everything",
        undo_s=30.0,
        answered_by=("INF-RD-07",),
    ),
)
def test_a_lost_primary_of_redis_is_replaced(destroy: Destroy) -> None:
    """Redis' primary is lost: its replica takes over in time, jobs go on, no upload is lost, and it returns as a replica.

    Why it matters: the queue is one server until another one is made the primary, which all clients have to follow; a
    failover that was never tried finds Sentinels that do not agree, a replica that may not be promoted, or services that
    stay with the old address.

    How it is measured: uploads fall due at a fixed rate, before the strike, during it, and after. The primary's process is
    killed with SIGKILL and kept down, as with a lost machine. Manipulation check: nothing listens at its address any more,
    else INVALID. The product's first acknowledged write is the first message of a job asked for since then which the API or a
    worker has put on the stream; by the database's clock it must come within targets.redis_failover_s of the kill. Then one of
    these jobs must be done, and every Sentinel name another primary. The old server is started: within
    targets.redis_rejoin_s the new primary must call it a replica that is online. Then the role is given back, as after any
    real failover. No upload may be refused meanwhile; in the end every acknowledged upload is there once, with one job that
    is done, and no dead letter has come. Uploads that began late, or took long where no failover was near, make it INVALID. The
    evidence splits the time by the Sentinels' own logs: detected, agreed, decided, promoted, known to all.

    Not covered: a network that parts primary and Sentinels while both live; the loss of both servers (DR-RD-02); rate
    limits and progress, which a failover may set back.
    """
    rehearsal = _Rehearsal(destroy)
    with Traffic(rehearsal.upload, per_s=UPLOADS_PER_S) as uploads, rehearsal.drill as drill:
        drill.watch("uploads", uploads, _acknowledged)
        rehearsal.flow(BEFORE)
        rehearsal.strike()
        failover_s = float(destroy.target("redis_failover_s"))
        try:
            reached = drill.recover(
                {
                    "first acknowledged write": rehearsal.written,
                    "replaced": rehearsal.replaced,
                    "first job done": rehearsal.worked,
                },
                within_s=float(destroy.target("preview_s")),
                where="redis",
            )
        except Failure:
            uploads.require_punctual(LATE_S, SHARE)
            raise
        written_s = rehearsal.first_write_s()
        destroy.evidence("failover, seconds after the strike", rehearsal.split() | {"first write": written_s} | reached)
        rehearsal.bring_back()
        drill.require_steady()
        rehearsal.flow(AFTER)
        drill.undo()
        rehearsal.flow(AFTER)
        drill.require_steady("after the role was given back")
    late = uploads.require_punctual(LATE_S, SHARE)
    _require_brisk(uploads.shots, drill.struck_s, drill.struck_s + written_s + SETTLED_S)
    seen = outage(uploads.shots, _acknowledged, drill.struck_s)
    refused = [shot.answer for shot in uploads.shots if shot.answer]
    destroy.evidence("uploads", {"all": seen.calls, "refused": refused, "share of late ones": late})
    with destroy.cases(at_least=4) as cases:
        with cases("first acknowledged write"):
            wanted = f"the first acknowledged write within {failover_s:g} s"
            require(written_s <= failover_s, wanted, f"after {written_s} s", "redis")
        with cases("uploads go on"):
            said = f"{seen.failed} of {seen.calls} refused, the first {seen.first_s} s after the strike: {refused[:1]}"
            require(not refused, "every upload acknowledged, with Redis or without", said, "api")
        with cases("every acknowledged upload, once"):
            rehearsal.audit()
        with cases("no dead letter"):
            letters = destroy.redis.read("XLEN", DEAD)
            require(
                letters <= rehearsal.dead_letters,
                f"at most {rehearsal.dead_letters} dead letters",
                f"{letters}",
                "worker",
            )


class _Rehearsal:
    """One loss of the primary: what is uploaded, where the primary is, and what came of both."""

    def __init__(self, destroy: Destroy) -> None:
        place = destroy.profile.redis
        if place is None or not place.sentinels:
            raise Invalid("the profile names no [redis.sentinels.NAME], so that nothing could fail over")
        if not destroy.platform.offers("kill"):
            raise Invalid("the platform does not offer kill")
        primaries = [each for each in destroy.platform.status().instances("redis") if each.role == "primary"]
        if len(primaries) != 1:
            raise Invalid(f"{len(primaries)} parts are the primary of Redis, expected one")
        self._destroy, self._place, self._primary = destroy, place, primaries[0]
        self._session, self._ledger, self._numbers = signed_in(destroy), Ledger(), itertools.count(1)
        self._struck = self._lost = datetime.now(UTC)
        self.dead_letters = destroy.redis.read("XLEN", DEAD)
        self.drill = Drill(destroy, steady(destroy, self._session), within_s=float(destroy.target("ready_s")))

    def upload(self) -> str:
        """Upload a clip; return why that was refused, nothing when it was acknowledged."""
        name = self._ledger.ask(f"{self._destroy.marker} {next(self._numbers)}")
        try:
            _uploaded(self._destroy, self._session, name)
        except AssertionError as error:
            return str(error)
        self._ledger.acknowledge(name)
        return ""

    def flow(self, more: int) -> None:
        """Wait until so many more uploads were acknowledged."""
        wanted = len(self._ledger.acknowledged) + more
        within_s = more / UPLOADS_PER_S + float(self._destroy.target("ready_s"))
        enough: Callable[[], bool] = lambda: len(self._ledger.acknowledged) >= wanted  # noqa: E731
        eventually(enough, within_s=within_s, what=f"{more} more uploads acknowledged", where="api")

    def strike(self) -> None:
        """Lose the primary, and see that nothing listens there any more."""
        part, tcp = self._primary, self._destroy.tcp
        self._struck = self._now()
        self.drill.strike(
            f"{part.name} lost",
            lambda: self._destroy.platform.kill(part.name, stay_down=True),
            lambda: tcp.connect(part.address or "", part.port or 0) == "refused",
        )
        self._lost = self._now()  # before, the old primary may have taken a message

    def written(self) -> bool:
        """Say whether a job asked for once the primary was gone is on the stream."""
        return bool(self._sent())

    def first_write_s(self) -> float:
        """Return when the first one was, in seconds after the strike."""
        return round(float(self._sent()[0]["after_s"]), 2)

    def replaced(self) -> bool:
        """Demand that every Sentinel names another primary, and takes it for alive."""
        old = f"{self._primary.address}:{self._primary.port}"
        for name in self._place.sentinels:
            seen = self._destroy.redis.sentinel(name)
            require(seen.primary != old, "another primary", f"{name} still names {old}", name)
            require(seen.flags == {"master"}, "a primary that is alive", f"{name} says {', '.join(seen.flags)}", name)
        return True

    def worked(self) -> bool:
        """Say whether the first of these jobs is done."""
        sent = self._sent()
        rows = self._destroy.pg.rows(JOBS, {"mine": sent[0]["title"] if sent else ""})
        return any(row["state"] == "done" for row in rows)

    def split(self) -> dict[str, float]:
        """Return the stages of the failover as the Sentinels wrote them down, where the platform shows their logs."""
        names = list(self._place.sentinels)
        return split({name: self._destroy.platform.logs(name, LOG_LINES) for name in names}, self._struck)

    def bring_back(self) -> None:
        """Start the lost server, and demand that the primary of now calls it a replica that is online."""
        within_s = float(self._destroy.target("redis_rejoin_s"))
        self._destroy.platform.start(self._primary.name)
        self.drill.event(f"{self._primary.name} started")
        what = f"{self._primary.name} rejoined as a replica"
        eventually(self._rejoined, within_s=within_s, what=what, where=self._primary.name)
        self.drill.event("rejoined")

    def audit(self) -> None:
        """Demand that every acknowledged upload is there once, ready, with one job that is done."""
        within_s = float(self._destroy.target("preview_s"))
        self._session.wait_for_all(self._assets(), within_s=within_s)
        audit = self._ledger.audit((each.title for each in self._assets()), self.drill.struck_s)
        self._destroy.evidence("RPO, audit of acknowledged uploads", audit.to_json())
        require_whole(audit, at_least=BEFORE + 2 * AFTER)
        rows = self._destroy.pg.rows(JOBS, {"mine": f"{self._destroy.marker} %"})
        states = {name: [row["state"] for row in rows if row["title"] == name] for name in self._ledger.acknowledged}
        wrong = {name: found for name, found in states.items() if found != ["done"]}
        require(not wrong, "one job for each upload, done", f"{wrong}", "worker")

    def _now(self) -> datetime:
        at: datetime = self._destroy.pg.rows("select now() as at")[0]["at"]
        return at

    def _sent(self) -> list[dict[str, Any]]:
        given = {"struck": self._struck, "lost": self._lost, "mine": f"{self._destroy.marker} %"}
        return list(self._destroy.pg.rows(SENT, given))

    def _rejoined(self) -> bool:
        old = self._primary
        known = self._destroy.redis.info("replication")
        replicas = [each for name, each in known.items() if name.startswith("slave") and isinstance(each, dict)]
        found = [each for each in replicas if (each.get("ip"), each.get("port")) == (old.address, old.port)]
        require(found, f"{old.name} among the primary's replicas", f"it knows {replicas}", old.name)
        require(found[0].get("state") == "online", "a replica that is online", f"{found[0]}", old.name)
        return True

    def _assets(self) -> list[Asset]:
        return [each for each in self._session.assets() if each.title.startswith(f"{self._destroy.marker} ")]


def _require_brisk(shots: Sequence[Shot[str]], struck_s: float, over_s: float) -> None:
    """Raise Invalid where uploads took long that the failover cannot have held up."""
    quiet = [shot for shot in shots if shot.due_s < struck_s or shot.due_s > over_s]
    slow = sum(shot.ended_s - shot.due_s > SLOW_S for shot in quiet) / max(len(quiet), 1)
    if slow > SHARE:
        said = f"{slow:.1%} of {len(quiet)} uploads before the strike or long after it took more than {SLOW_S:g} s"
        raise Invalid(f"{said}: too busy a machine")


def _acknowledged(refusal: str) -> bool:
    return not refusal


def _uploaded(destroy: Destroy, session: Session, name: str) -> None:
    content = small_clip().content
    created = session.create(name, content)
    destroy.cleanup(remove, session, created.asset.id)
    if created.upload is not None:
        session.complete(created.asset.id, session.put(created.upload, content))
