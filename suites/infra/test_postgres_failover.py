"""The database's failover before it is needed: somebody who acts, somebody to promote, and votes enough to decide."""

from functools import partial
from typing import Any

from seatrial import BLOCKER, Invalid, Observe, check, eventually, require
from seatrial.platform import Cluster

WITHIN_S = 12.0  # a standby that has just come back counts as asynchronous for its first seconds
ARBITER = "arbiter"
FEWEST_VOTES = 3

SENDERS = "select state, sync_state from pg_stat_replication where application_name = %s"
ITSELF = """
select not pg_is_in_recovery() as primary, host(inet_server_addr()) as address, inet_server_port() as port
"""
COMMITS = "select current_setting('synchronous_standby_names') as waited_for"


@check("INF-PG-10", severity=BLOCKER, component="postgres")
def test_a_standby_could_take_over(observe: Observe) -> None:
    """The failover manager would act, a standby that may be promoted has all that is acknowledged, and the votes are complete.

    Why it matters: a failover fails for what nobody looked at while all was well: a maintenance that was never ended, a standby
    marked as one that must not be promoted, a vote that is missing, commits that wait for no standby any more. It is noticed on
    the day the primary dies.

    How it is measured: the failover manager is asked who its members are: every standby that the profile declares, and one
    primary, which must be the server that takes writes; maintenance must be off. Of the standbys one must be allowed to become
    the primary, and be in sync by the manager's word. The primary itself must wait for it: it stands in
    synchronous_standby_names and streams as sync (pg_stat_replication). Each member and the arbiter must be ready, three
    votes at the least, so that two are left when one is lost.

    Not covered: whether a failover works, and how long it takes (DR-PG-01); how far behind a standby is (INF-PG-06);
    a manager that hangs, before its time to live is over (20 s locally) and the others forget it; an arbiter that hangs, or that
    the members' votes do not reach: it counts as ready from its start on until its process ends.
    """
    place = observe.profile.postgres
    if place is None or not place.standbys:
        raise Invalid("the profile names no [postgres.standbys.NAME]")
    if not observe.platform.offers("cluster"):
        raise Invalid("the platform does not offer cluster")
    cluster = observe.platform.cluster()
    observe.evidence("members", {name: _told(cluster, name) for name in cluster.members})
    with observe.cases(at_least=4 + len(place.standbys)) as cases:
        with cases("the manager acts"):
            require(
                not cluster.maintenance, "no maintenance", "maintenance is on: nobody would be promoted", "postgres"
            )
        with cases("one primary"):
            _require_primary(observe, cluster)
        for name in place.standbys:
            with cases(f"{name} is a member"):
                require(name in cluster.members, f"{name} among the members", ", ".join(cluster.members), name)
        with cases("a standby to promote"):
            what = "a standby that may be promoted and is in sync"
            eventually(partial(_fit, observe), within_s=WITHIN_S, what=what, where="postgres")
        with cases("commits wait for it"):
            what = "commits wait for a standby that is in sync"
            eventually(partial(_waited_for, observe), within_s=WITHIN_S, what=what, where="postgres")
        with cases("a vote to spare"):
            _require_votes(observe, cluster)


def _require_primary(observe: Observe, cluster: Cluster) -> None:
    """Demand that the server which takes writes is the one that the manager calls the primary."""
    require(cluster.primary is not None, "a member that holds the lock", "none does", "postgres")
    part = observe.platform.status().part(str(cluster.primary))
    row = observe.pg.rows(ITSELF)[0]
    require(row["primary"], f"{part.name} takes writes", "it is in recovery", part.name)
    expected, seen = f"{part.address}:{part.port}", f"{row['address']}:{row['port']}"
    require(seen == expected, f"{part.name} at {expected} takes writes", f"{seen} does", part.name)


def _fit(observe: Observe) -> bool:
    """Demand a standby that the manager would promote; the primary's own name is none."""
    cluster = observe.platform.cluster()
    standbys = [name for name in cluster.members if name != cluster.primary]
    fit = [name for name in standbys if cluster.in_sync(name) and not cluster.members[name].nofailover]
    seen = "; ".join(f"{name}: {_told(cluster, name)}" for name in standbys) or "no standby"
    require(fit, "a standby that may be promoted and is in sync", seen, "postgres")
    return True


def _waited_for(observe: Observe) -> bool:
    """Demand that the primary waits for the standby which the manager calls in sync."""
    cluster = observe.platform.cluster()
    in_sync = [name for name in cluster.members if cluster.in_sync(name)]
    listed = str(observe.pg.rows(COMMITS)[0]["waited_for"])
    require(listed, "commits that wait for a standby", "synchronous_standby_names is empty", "postgres")
    rows: list[dict[str, Any]] = [row for name in in_sync for row in observe.pg.rows(SENDERS, (name,))]
    seen = "; ".join(f"{row['state']}, {row['sync_state']}" for row in rows) or f"{listed}, which does not stream"
    require(any(row["sync_state"] in {"sync", "quorum"} for row in rows), "streaming, sync", seen, "postgres")
    return True


def _require_votes(observe: Observe, cluster: Cluster) -> None:
    parts = observe.platform.status().parts
    states = {name: parts[name].state if name in parts else "not there" for name in (*cluster.members, ARBITER)}
    observe.evidence("votes", states)
    silent = [f"{name} is {state}" for name, state in states.items() if state != "ready"]
    require(len(states) >= FEWEST_VOTES, f"{FEWEST_VOTES} votes", f"{len(states)}", "postgres")
    require(not silent, f"all {len(states)} votes, so that the loss of one leaves most of them", "; ".join(silent))


def _told(cluster: Cluster, name: str) -> str:
    member = cluster.members[name]
    return f"{member.role}, {member.state}" + (", not to be promoted" if member.nofailover else "")
