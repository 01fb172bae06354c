"""The pools of database connections: they fit into one another, and one that is exhausted says so."""

import time
from collections.abc import Iterator
from functools import partial

from seatrial import MAJOR, Disrupt, Invalid, check, eventually, require
from seatrial.probes.http import HttpAnswer
from suites.client import instances, signed_in
from suites.client.given import remove
from suites.infra._exhaustion import Door, at, exhaust, probed
from suites.infra._pools import Limits, Pool, pools_of

SERVICE, CREDENTIAL = "api", "postgres-api"
PROBES = 1  # of an instance's connections one is its readiness probe's own
SETTINGS = """
select name, setting from pg_settings
where name in ('max_connections', 'superuser_reserved_connections', 'reserved_connections')
"""
PUBLIC_SLOTS = 2
QUICK_PROBE_S = 1.0
PATIENCE_S = 2.0  # beyond the budget, before a question is given up


@check("INF-PG-04", severity=MAJOR, component="postgres", alone=True)
def test_pools_fit_and_an_exhausted_one_says_so(disrupt: Disrupt) -> None:
    """The services' pools fit under the pooler's, the pooler's under the server's limit, and an exhausted pool answers a quick, clear 503.

    Why it matters: pools that promise more than the server has fail at the busiest hour, with the errors of whoever comes
    last: migrations, backups, the person who wants to help. A request that waits for a connection without end holds its own
    caller, until the whole house waits for one slow query.

    How it is measured: the sizes come from the configuration that the platform gave to each instance, the pooler's console
    (SHOW CONFIG) and pg_settings. All pools together must fit under what the pooler opens for a role and for all, and under
    what it takes; what it opens, and what goes past it, under max_connections less the server's reserve and less
    targets.postgres_spare_connections. Then an asset's row is locked, and four times as many callers rename it as each API
    instance has connections, some through the public host, until every connection of each instance waits for the lock
    (pg_stat_activity) and the others for a connection. Each answer must come within targets.exhausted_answer_s and be a 503
    problem document with Retry-After. Once the row is free, the asset must be served within targets.ready_s. Late answers
    count only while the liveness probes of the same time were quick.

    Not covered: the pooler's own queue (its query_wait_timeout is above a service's patience); the worker, whose jobs wait.
    """
    pools, limits = _pools(disrupt), _limits(disrupt)
    disrupt.evidence("pools", {pool.instance: pool.size for pool in pools})
    disrupt.evidence("limits", vars(limits))
    budget_s, ready_s = float(disrupt.target("exhausted_answer_s")), float(disrupt.target("ready_s"))
    spare = int(disrupt.target("postgres_spare_connections"))
    slots = {pool.instance: pool.size - PROBES for pool in pools if pool.role == SERVICE}
    doors = [Door(each.name, each.via, slots.pop(each.name, 0)) for each in instances(disrupt, SERVICE)]
    if not doors or slots or not all(door.slots for door in doors):
        raise Invalid(f"the instances of {SERVICE} in the profile are not those of the platform: {doors}, also {slots}")
    doors.append(Door("the public host", None, PUBLIC_SLOTS))
    with disrupt.cases(at_least=4 + 2 * len(doors)) as cases:
        for name, most, asked in _sums(pools, limits, spare):
            with cases(name):
                require(asked <= most, f"{name}: {most} connections at most", f"{asked}", "pooler")
        session = signed_in(disrupt)
        asset = session.create(f"{disrupt.marker} locked", b"never sent").asset
        disrupt.cleanup(remove, session, asset.id)
        with probed(disrupt, doors, disrupt.profile.services[SERVICE].live) as probes_s:
            answers = exhaust(disrupt, session, asset.id, doors, CREDENTIAL, budget_s + PATIENCE_S)
        freed = time.monotonic()
        for door in doors:
            with cases(f"{door.name} serves again"):
                serves = partial(at(session, door.via).asset, asset.id)
                eventually(serves, within_s=ready_s, what="the asset, once its row is free", where=door.name)
        disrupt.evidence("seconds until it serves again", round(time.monotonic() - freed, 2))
        disrupt.evidence("answers", {name: _summary(given) for name, given in answers.items()})
        disrupt.evidence("slowest liveness probe, seconds", round(max(probes_s, default=0.0), 3))
        quiet = bool(probes_s) and max(probes_s) <= QUICK_PROBE_S
        for name, given in answers.items():
            with cases(f"answers of {name} while every connection is taken"):
                _require_clear(given, budget_s, name, quiet=quiet)


def _pools(disrupt: Disrupt) -> list[Pool]:
    place = disrupt.profile.postgres
    if place is None or place.pooler is None:
        raise Invalid("the profile names no [postgres.pooler]")
    try:
        return pools_of(disrupt.platform.config(), f"{place.pooler.address or place.pooler.host}:{place.pooler.port}")
    except KeyError as error:
        raise Invalid(f"an instance has a database and states no {error.args[0]}") from None


def _limits(disrupt: Disrupt) -> Limits:
    return Limits.read(
        {row["key"]: row["value"] for row in disrupt.pg.show("CONFIG")},
        {row["name"]: row["setting"] for row in disrupt.pg.rows(SETTINGS)},
    )


def _sums(pools: list[Pool], limits: Limits, spare: int) -> Iterator[tuple[str, int, int]]:
    """Give what must fit: its name, what there is, and what is asked for."""
    pooled = [pool for pool in pools if pool.pooled]
    total = sum(pool.size for pool in pooled)
    yield "clients of the pooler", limits.clients, total
    for role in sorted({pool.role for pool in pooled}):
        yield f"pools of {role}", limits.per_role, sum(pool.size for pool in pooled if pool.role == role)
    yield "pools of all services", limits.opens(pools), total
    direct = sum(pool.size for pool in pools if not pool.pooled)
    yield f"sessions at the server, {spare} to spare", limits.server - spare, limits.opens(pools) + direct


def _require_clear(answers: list[HttpAnswer], budget_s: float, where: str, *, quiet: bool) -> None:
    """Demand of each answer that it is in time and a clear 503; none could be another while the row was locked."""
    for answer in answers:
        kind = answer.headers.get("content-type", "").partition(";")[0]
        late = answer.elapsed_s > budget_s
        if late and not quiet:
            raise Invalid(f"the machine was too slow to tell a late answer by: {answer}")
        require(not late, f"an answer from an exhausted pool within {budget_s:g} s", f"{answer}", where)
        said = answer.error or f"{answer.status} {answer.text[:150]}"
        require(answer.status == 503, "503 from an exhausted pool", said, where)
        require(kind == "application/problem+json", "a problem document", f"{kind or 'no type'}: {said}", where)
        problem = answer.json()
        require(problem.get("status") == 503 and problem.get("detail"), "its status 503 and a detail", said, where)
        after = answer.headers.get("retry-after", "")
        require(after.isdigit() and int(after) > 0, "Retry-After in whole seconds", after or "none", where)


def _summary(answers: list[HttpAnswer]) -> dict[str, object]:
    statuses = sorted({str(answer.status) for answer in answers})
    slowest_s = max((answer.elapsed_s for answer in answers), default=0.0)
    return {"answers": len(answers), "statuses": statuses, "slowest_s": round(slowest_s, 2)}
