"""Measured drills on PostgreSQL: its primary lost, its roles changed on purpose, its standby lost."""

import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from seatrial import BLOCKER, Destroy, Disrupt, Failure, Invalid, Plan, check, eventually, require
from seatrial.drills import Drill, Outage, outage, require_whole
from seatrial.traffic import Traffic
from suites.dr._pair import Pair
from suites.dr._steady import steady
from suites.dr._writes import PER_S, Writes, acknowledged_after

ACKNOWLEDGED = "a write is acknowledged again"
FILLED, STREAMS, IN_SYNC = "the new standby answers", "it streams", "it is in sync"
BEYOND_S = 15.0  # looked at beyond the budget, to say by how much it was missed
# A failover has a few seconds beyond the time to live, which a busy machine takes for itself.
LATE_S, LATE_SHARE = 0.5, 0.03


@check(
    "DR-PG-01",
    severity=BLOCKER,
    component="postgres",
    plan=Plan(
        strikes="the PostgreSQL primary is killed, with its failover manager, and stays down",
        noticed="whoever writes, for targets.postgres_failover_s at the most",
        undone="starts it, has it follow the new primary, and switches back to it",
        undo_s=120.0,
        answered_by=("INF-PG-06", "INF-PG-10"),
    ),
)
def test_a_lost_primary_is_replaced_by_itself(destroy: Destroy) -> None:
    """The primary's machine is lost: its standby takes its place by itself within targets.postgres_failover_s, without losing or doubling an acknowledged write.

    Why it matters: machines die at night. Where somebody has to promote the standby, find out whether it has everything and point
    the clients at it, an outage lasts an hour, and what was acknowledged last is lost in the hurry.

    How it is measured: a client announces four assets a second, each under a number and an Idempotency-Key of its own, and asks
    again under the same key when it is not told 201. The primary acknowledges only what its standby has, by pg_stat_replication,
    else INVALID. Then the primary and its failover manager are killed with SIGKILL and kept down. Manipulation check: no process
    of it is left, and its port refuses. Clocks from the kill: the lost one's lock is over, another server holds it, it takes
    writes, the pooler is pointed at it, and a write that fell due after the kill is acknowledged, which must be within the target.
    Every instance must be ready then. The lost one is started, must come back in sync with the new primary, and the roles are
    switched back. In the end each write that was ever acknowledged must be listed once, and none that nobody asked for. A row of
    the client's is added to the assets with the claim of a request that was cut off, as it is a minute after its end: the asset
    must be deleted when that is asked for.

    Not covered: how long a claim lasts; a primary that is cut off and goes on (DR-NET-01); both servers at once (DR-ALL-01); clients that connect past the
    pooler; what asynchronous standbys would lose.
    """
    pair, writes = Pair.of(destroy, "kill", "switchover"), Writes(destroy)
    budget_s = float(destroy.target("postgres_failover_s"))
    with Drill(destroy, _steady(destroy, writes), within_s=float(destroy.target("ready_s"))) as drill:
        with _written(destroy, drill, writes) as traffic:
            drill.strike(
                f"{pair.primary} killed, and kept down",
                lambda: destroy.platform.kill(pair.primary, stay_down=True),
                lambda: pair.gone(pair.primary, pair.place),
            )
            _recover(drill, traffic, pair.taking_over(), budget_s)
        drill.require_steady()
        drill.undo()
        pair.require_in_sync()
        drill.require_steady("after the undo")
    _judge(destroy, writes, drill.struck_s)
    _require_taken_over(destroy, writes)


@check(
    "DR-PG-02",
    severity=BLOCKER,
    component="postgres",
    plan=Plan(
        strikes="the roles of the PostgreSQL primary and its standby are exchanged",
        noticed="whoever writes, for targets.postgres_switchover_s at the most",
        undone="exchanges them again",
        undo_s=90.0,
        answered_by=("INF-PG-06", "INF-PG-10"),
    ),
)
def test_a_planned_switchover_is_a_short_pause(disrupt: Disrupt) -> None:
    """The primary's and the standby's roles are exchanged under traffic: writes go on within targets.postgres_switchover_s, none acknowledged is lost or doubled.

    Why it matters: every update of a database server is a switchover. Where clients keep to the old address it becomes an outage,
    and so updates are put off until the machine fails instead.

    How it is measured: the writes and the audit are those of DR-PG-01. With the standby in sync the platform is asked for the
    switchover. Manipulation check: the server at the standby's own address is in recovery no more. Clocks from the request: the
    standby holds the lock, takes writes, the pooler is pointed at it, and writes are acknowledged again without one that is not
    among those that fell due after it; that moment must be within the target. Then the roles are exchanged back.

    Not covered: a switchover to another version; sessions that must survive it.
    """
    pair, writes = Pair.of(disrupt, "switchover"), Writes(disrupt)
    budget_s = float(disrupt.target("postgres_switchover_s"))
    with Drill(disrupt, _steady(disrupt, writes), within_s=float(disrupt.target("ready_s"))) as drill:
        with _written(disrupt, drill, writes) as traffic, ThreadPoolExecutor(1) as pool:
            asked = []
            drill.strike(
                f"switchover to {pair.standby}",
                lambda: asked.append(pool.submit(disrupt.platform.switchover, pair.standby)),
                lambda: pair.takes_writes(pair.standby),
                within_s=2 * budget_s,
            )
            _recover(drill, traffic, pair.taking_over(), budget_s)
            disrupt.evidence("the platform's own time", asked[0].result().seconds)
        drill.require_steady()
        drill.undo()
        pair.require_in_sync()
        drill.require_steady("after the undo")
    seen = outage(traffic.shots, bool, drill.struck_s)
    with disrupt.cases(at_least=2) as cases:
        with cases("a short pause"):
            _require_over(seen, budget_s)
        with cases("every acknowledged write"):
            _judge(disrupt, writes, drill.struck_s)


@check(
    "DR-PG-05",
    severity=BLOCKER,
    component="postgres",
    plan=Plan(
        strikes="the PostgreSQL standby is killed, and its data are lost",
        noticed="whoever writes, for targets.postgres_standby_lost_s at the most",
        undone="waits until the new standby is filled",
        undo_s=60.0,
        answered_by=("INF-PG-06", "INF-PG-07", "INF-PG-10"),
    ),
)
def test_a_lost_standby_is_rebuilt_by_itself(destroy: Destroy) -> None:
    """The standby is lost with its data: writes go on within targets.postgres_standby_lost_s, and a new one is filled and in sync within targets.postgres_rebuilt_s by itself.

    Why it matters: a standby that is gone is noticed on the day the primary dies. And where the primary waits for a standby before
    it acknowledges, one that is gone must not stop every write.

    How it is measured: the writes and the audit are those of DR-PG-01. The standby is killed with SIGKILL and its data directory
    removed; one without data takes its place. Manipulation check: its port refuses. Clocks from the kill: a server answers in its
    place, it receives from the primary by its own word, the primary waits for it before it acknowledges. Meanwhile writes may fail,
    or wait, for no longer than the target. Each write that was acknowledged before and during all of it must be in the new standby.

    Not covered: a standby that hangs instead of dying; a copy of a database of real size, which takes its time.
    """
    pair, writes = Pair.of(destroy, "lose"), Writes(destroy)
    budget_s, pause_s = (float(destroy.target(f"postgres_{name}_s")) for name in ("rebuilt", "standby_lost"))
    with Drill(destroy, _steady(destroy, writes), within_s=float(destroy.target("ready_s"))) as drill:
        with _written(destroy, drill, writes) as traffic:
            drill.strike(
                f"{pair.standby} killed, and its data lost",
                lambda: destroy.platform.lose(pair.standby),
                lambda: destroy.tcp.connect(*pair.standby_place) == "refused",
            )
            stages: dict[str, Callable[[], object]] = {
                FILLED: lambda: _standby(destroy, pair, "select 1 as yes"),
                STREAMS: lambda: _standby(
                    destroy, pair, "select 1 as yes from pg_stat_wal_receiver where status = 'streaming'"
                ),
                IN_SYNC: pair.in_sync,
            }
            drill.recover(stages, within_s=budget_s + BEYOND_S, budgets_s={IN_SYNC: budget_s}, where="postgres")
        drill.require_steady()
    seen = outage(traffic.shots, bool, drill.struck_s)
    slowest_s = max(shot.ended_s - shot.due_s for shot in traffic.shots)
    destroy.evidence("slowest write, s", round(slowest_s, 2))
    with destroy.cases(at_least=3) as cases:
        with cases("writes went on"):
            late = f"the slowest write took {slowest_s:.1f} s"
            require(slowest_s <= pause_s, f"every write answered within {pause_s:g} s", late)
            _require_over(seen, pause_s)
        with cases("every acknowledged write"):
            _judge(destroy, writes, drill.struck_s)
        with cases("all of them in the new standby"):
            eventually(
                lambda: _all_copied(destroy, pair, writes),
                within_s=10.0,
                what="every write replayed in the new standby",
            )


@contextmanager
def _written(handle: Disrupt, drill: Drill, writes: Writes) -> Iterator[Traffic[bool]]:
    """Write on schedule until the end, which says whether the machine kept to it, and what clients saw."""
    with Traffic(writes.write, per_s=PER_S) as traffic:
        drill.watch("writes", traffic, bool)
        try:
            writes.flow()
        except Failure as failure:
            raise Invalid(f"no steady writes before the strike: {failure}") from None
        try:
            yield traffic
            writes.flow()
        except Failure:
            traffic.require_punctual(LATE_S, LATE_SHARE)  # no time that was missed on such a machine says anything
            raise
    handle.evidence("share of late writes", traffic.require_punctual(LATE_S, LATE_SHARE))
    handle.evidence("writes", vars(outage(traffic.shots, bool, drill.struck_s)))


def _recover(drill: Drill, traffic: Traffic[bool], stages: Mapping[str, Callable[[], object]], budget_s: float) -> None:
    in_effect_s = time.monotonic()
    last = {ACKNOWLEDGED: lambda: acknowledged_after(traffic, in_effect_s)}
    drill.recover(
        {**stages, **last}, within_s=budget_s + BEYOND_S, budgets_s={ACKNOWLEDGED: budget_s}, where="postgres"
    )


def _steady(handle: Disrupt, writes: Writes) -> Callable[[], None]:
    rest = steady(handle, writes.session)

    def ask() -> None:
        require(writes.write(), "a write acknowledged", "it was not", "api")
        rest()

    return ask


def _require_over(seen: Outage, within_s: float) -> None:
    over_s = seen.over_s if seen.failed else 0.0
    require(over_s is not None and over_s <= within_s, f"writes again within {within_s:g} s for good", f"{seen}")


def _judge(handle: Disrupt, writes: Writes, struck_s: float) -> None:
    audit = writes.audit(struck_s)
    handle.evidence("RPO, audit of acknowledged writes", audit.to_json())
    require_whole(audit, at_least=2 * int(PER_S))


def _require_taken_over(destroy: Destroy, writes: Writes) -> None:
    """Leave an asset claimed, as a request does that cannot reach the database any more, and demand that it can be deleted."""
    known = "select account_id::text as id from assets where title = any(%s) limit 1"
    claimed = {
        "id": str(uuid.uuid4()),
        "account_id": destroy.pg.rows(known, (writes.ledger.acknowledged,))[0]["id"],
        "title": f"{destroy.marker} claimed",
        "filename": "claimed.mp4",
        "content_type": "video/mp4",
        "size_bytes": 1,
        "sha256": "0" * 64,
        "claim_owner": str(uuid.uuid4()),
        "claim_until": datetime.now(UTC) - timedelta(minutes=1),
    }
    destroy.pg.insert_row("assets", claimed)
    answer = writes.session.delete(claimed["id"])
    require(answer.status == 204, "204 for deleting an asset whose claim has run out", f"{answer}", "api")


def _standby(handle: Disrupt, pair: Pair, query: str) -> list[dict[str, Any]]:
    return handle.pg.standby(pair.standby).rows(query)


def _all_copied(handle: Disrupt, pair: Pair, writes: Writes) -> bool:
    rows = handle.pg.standby(pair.standby).rows(
        "select count(*) as found from assets where title = any(%s)", (writes.ledger.acknowledged,)
    )
    wanted = len(writes.ledger.acknowledged)
    require(rows[0]["found"] == wanted, f"{wanted} acknowledged writes", f"{rows[0]['found']}", pair.standby)
    return True
