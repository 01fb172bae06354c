"""Redis' failover before it is needed: a replica that has everything, and Sentinels that would act."""

from collections import Counter
from functools import partial

from seatrial import BLOCKER, Failure, Invalid, Observe, check, eventually, require

WITHIN_S = 12.0  # a replica acknowledges every second; a Sentinel asks the servers what they are every ten


@check("INF-RD-07", severity=BLOCKER, component="redis")
def test_another_server_could_take_over(observe: Observe) -> None:
    """Every other server follows the primary closely, and all Sentinels agree on it, see each other, and know whom to promote.

    Why it matters: a failover fails for what nobody looked at while all was well: a replica that lost its primary weeks ago, a
    Sentinel that was never started again, a priority of 0. It is noticed on the day the primary dies.

    How it is measured: the primary names its replicas (INFO replication): each declared server but itself must be among them,
    online, and have acknowledged within targets.redis_lag_s. Each declared Sentinel is asked at its own address: it must name
    that primary and take it for alive, know every other declared Sentinel, have at least one replica that is connected and may
    be promoted, and want a quorum that is no single voice and that the loss of one Sentinel leaves possible.

    Not covered: whether a failover works, and how long it takes (DR-RD-01); what its last moments would lose.
    """
    place = observe.profile.redis
    if place is None or not place.sentinels:
        raise Invalid("the profile names no [redis.sentinels.NAME]")
    within_s = float(observe.target("redis_lag_s"))
    servers = [(place.address or place.host, place.port)]
    servers += [(each.address or each.host, each.port) for each in place.replicas.values()]
    primary = _named_by_most(observe, list(place.sentinels))
    observe.evidence("primary", primary)
    observe.evidence("replicas", [f"{host}:{port}: {seen}" for (host, port), seen in _replicas(observe).items()])
    with observe.cases(at_least=len(place.replicas) + 4 * len(place.sentinels)) as cases:
        for host, port in servers:
            if f"{host}:{port}" != primary:
                with cases(f"{host}:{port} follows"):
                    what = f"a replica at {host}:{port}, online and at most {within_s:g} s behind"
                    probe = partial(_follows, observe, (host, port), within_s)
                    eventually(probe, within_s=WITHIN_S, what=what, where="redis")
        for name in place.sentinels:
            with cases(f"{name} knows the primary"):
                seen = observe.redis.sentinel(name)
                require(seen.primary == primary, f"{primary}, as most Sentinels say", seen.primary, name)
                require(seen.flags == {"master"}, "a primary that is alive", ", ".join(sorted(seen.flags)), name)
            with cases(f"{name} sees the others"):
                others = len(place.sentinels) - 1
                seen = observe.redis.sentinel(name)
                require(seen.others == others, f"{others} other Sentinels", f"{seen.others}", name)
            with cases(f"{name} knows whom to promote"):
                fit = partial(_fit, observe, name)
                eventually(fit, within_s=WITHIN_S, what=f"a replica that {name} may promote", where=name)
            with cases(f"{name} and its quorum"):
                quorum = observe.redis.sentinel(name).quorum
                most = len(place.sentinels) - 1
                require(2 <= quorum <= most, f"a quorum from 2 to {most}", f"{quorum}", name)


def _named_by_most(observe: Observe, sentinels: list[str]) -> str:
    named, silent = Counter[str](), list[str]()
    for name in sentinels:
        try:
            named[observe.redis.sentinel(name).primary] += 1
        except Failure as failure:  # judged in its own case, unless all are silent
            silent.append(f"{failure}")
    require(named, "a Sentinel that names the primary", "; ".join(silent), "sentinel")
    return named.most_common(1)[0][0]


def _replicas(observe: Observe) -> dict[tuple[str, int], dict[str, object]]:
    info = observe.redis.info("replication")
    lines = [line for name, line in info.items() if name.startswith("slave") and isinstance(line, dict)]
    return {(str(line["ip"]), int(line["port"])): line for line in lines}


def _follows(observe: Observe, server: tuple[str, int], within_s: float) -> bool:
    seen = _replicas(observe).get(server)
    require(seen is not None, "one of the primary's replicas", "not connected", "redis")
    assert seen is not None
    online = seen.get("state") == "online" and 0 <= int(str(seen.get("lag", -1))) <= within_s
    require(online, "online and close behind", f"{seen}", "redis")
    return True


def _fit(observe: Observe, name: str) -> bool:
    seen = observe.redis.sentinel(name)
    require(
        seen.fit > 0, "a replica that is connected and of a priority above 0", f"{seen.fit} of {seen.replicas}", name
    )
    return True
