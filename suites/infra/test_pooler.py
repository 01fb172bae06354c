"""The pooler between the services and the database: who goes through it, in which mode, and who does not."""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import Any

from seatrial import BLOCKER, Exercise, Failure, Invalid, check, eventually, require
from suites.client import Session, signed_in
from suites.client.given import remove
from suites.infra._session_state import leftovers

SERVICE_ROLES = ("api", "worker")
AT_ONCE = 8
PIECES = 24
IDLE_WITHIN_S = 10.0
BACK_WITHIN_S = 15.0
BACKENDS = """
select pid, usename as role, application_name as name, state, query, coalesce(query_start >= %(since)s, false) as worked
from pg_stat_activity where backend_type = 'client backend' and usename = any(%(roles)s)
"""
LOCKS = """
select a.usename as role, l.objid from pg_locks l join pg_stat_activity a using (pid)
where l.locktype = 'advisory' and a.usename = any(%(roles)s) and a.state = 'idle'
"""


@check("INF-PG-09", severity=BLOCKER, component="pooler")
def test_the_services_work_through_the_pooler_in_its_declared_mode(exercise: Exercise) -> None:
    """The services work through the pooler in the declared mode, leave nothing in its sessions, and nobody else uses it.

    Why it matters: a service that goes round the pooler eats the connections that it was to save. In transaction mode a
    LISTEN, a SET or an advisory lock lands in a session that is lent to somebody else a moment later: a migration run
    so can hold its lock for ever, or hold none.

    How it is measured: the pooler's console (SHOW CONFIG, POOLS, SERVERS) is asked while eight threads create, rename and
    read back assets through the API, each of which must answer as it should. Every session of a service's role that
    the server has before and after SHOW SERVERS must be one of the pooler's, by its process id; one that does nothing
    meanwhile may be what a pooler left that has just ended, and must go. In transaction mode a moment must come in which
    clients are connected and no server connection is held. The newest statement of each session (pg_stat_activity) may
    be none that outlives its transaction, and no idle one may hold an advisory lock. No other role, so not the migrating one,
    may have a pool.

    Not covered: a statement that leaves something behind and is followed by another before it is looked at; that migrations
    take their lock (MIG-08).
    """
    place = exercise.profile.postgres
    if place is None or place.pooler is None:
        raise Invalid("the profile names no [postgres.pooler]")
    mode = place.pooler.mode
    session = signed_in(exercise)
    with suppress(
        Failure
    ):  # a service that has lost its connections comes back in its own time; missing is a case below
        eventually(
            lambda: _all_pooled(exercise), within_s=BACK_WITHIN_S, what="sessions of each service", where="pooler"
        )
    with ThreadPoolExecutor(AT_ONCE) as threads:
        work = [threads.submit(_piece, exercise, session, number) for number in range(PIECES)]
        samples = list(_samples(exercise, work))
    pools = [row for row in exercise.pg.show("POOLS") if row["database"] == place.database]
    exercise.evidence("pools", [{name: row[name] for name in ("user", "pool_mode", "cl_active")} for row in pools])
    exercise.evidence("samples", len(samples))
    with exercise.cases(at_least=PIECES + 4 + len(SERVICE_ROLES) + (mode == "transaction")) as cases:
        for number, piece in enumerate(work):
            with cases(f"piece {number} of concurrent work"):
                piece.result()
        with cases("mode"):
            configured = next((row["value"] for row in exercise.pg.show("CONFIG") if row["key"] == "pool_mode"), "")
            modes = {configured, *(row["pool_mode"] for row in pools)}
            require(modes == {mode}, f"every pool in {mode} mode", f"{', '.join(sorted(modes))} mode", "pooler")
        if mode == "transaction":
            with cases("no server connection is held between transactions"):
                what = "clients connected and no server connection held by them"
                eventually(lambda: _nothing_held(exercise), within_s=IDLE_WITHIN_S, what=what, where="pooler")
        for role in SERVICE_ROLES:
            with cases(f"{role} comes from the pooler"):
                seen = {row["pid"] for sample in samples for row in sample["pooled"] if row["role"] == role}
                require(seen, f"a session of {role} that the pooler opened", "none", "pooler")
                _require_none_past(
                    exercise, role, [row for each in samples for row in each["past"] if row["role"] == role]
                )
        with cases("nothing is left in a session"):
            left = leftovers(row for sample in samples for row in (*sample["pooled"], *sample["past"]))
            require(not left, "no statement that outlives its transaction", "; ".join(left), "pooler")
        with cases("no idle session holds an advisory lock"):
            held = exercise.pg.rows(LOCKS, {"roles": list(SERVICE_ROLES)})
            require(not held, "no advisory lock in an idle session", held, "pooler")
        with cases("only the services have a pool"):
            strange = sorted({row["user"] for row in pools} - set(SERVICE_ROLES))
            expected = "pools of the services alone; migrations and people go direct"
            require(not strange, expected, f"also of {', '.join(strange)}", "pooler")


def _all_pooled(exercise: Exercise) -> bool:
    return {row["user"] for row in exercise.pg.show("SERVERS")} >= set(SERVICE_ROLES)


def _piece(exercise: Exercise, session: Session, number: int) -> None:
    title = f"{exercise.marker} pooled {number}"
    asset = session.create(title, b"never sent").asset
    exercise.cleanup(remove, session, asset.id)
    session.rename(asset.id, f"{title} renamed")
    seen = session.asset(asset.id).title
    require(seen == f"{title} renamed", f"the title that this thread gave, {title} renamed", seen, "api")


def _samples(exercise: Exercise, work: list[Future[None]]) -> Iterator[dict[str, Any]]:
    """Compare the server's sessions with the pooler's until the work is done, and once more."""
    since = exercise.pg.rows("select clock_timestamp() as now")[0]["now"]
    asked = {"roles": list(SERVICE_ROLES), "since": since}
    while True:
        last = all(piece.done() for piece in work)
        before = exercise.pg.rows(BACKENDS, asked)
        pooled = {row["remote_pid"] for row in exercise.pg.show("SERVERS")}
        after = {row["pid"] for row in exercise.pg.rows(BACKENDS, asked)}
        stayed = [row for row in before if row["pid"] in after]
        yield {
            "pooled": [row for row in stayed if row["pid"] in pooled],
            "past": [row for row in stayed if row["pid"] not in pooled],
        }
        if last:
            return


def _require_none_past(exercise: Exercise, role: str, past: list[dict[str, Any]]) -> None:
    """Demand that none did anything past the pooler, and that those which did nothing go."""

    def refuse(rows: list[dict[str, Any]]) -> None:
        names = ", ".join(sorted({row["name"] for row in rows}))
        require(not rows, f"every session of {role} comes from the pooler", f"past it: {names}", role)

    refuse([row for row in past if row["worked"]])
    idle = [row["pid"] for row in past]

    def gone() -> bool:
        refuse(exercise.pg.rows("select application_name as name from pg_stat_activity where pid = any(%s)", (idle,)))
        return True

    if idle:
        eventually(gone, within_s=IDLE_WITHIN_S, what="the end of idle sessions past the pooler", where=role)


def _nothing_held(exercise: Exercise) -> bool:
    pools = [row for row in exercise.pg.show("POOLS") if row["user"] in SERVICE_ROLES]
    clients, held = sum(row["cl_active"] for row in pools), sum(row["sv_active"] for row in pools)
    require(clients > 0 and held == 0, "clients and nothing held", f"{clients} clients, {held} held", "pooler")
    return True
