"""Every secret can be replaced while people work: nobody notices, and the old value dies."""

import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from seatrial import BLOCKER, Disrupt, Failure, Invalid, check, eventually, require
from seatrial.cases import Cases
from seatrial.traffic import Traffic
from suites.client import doors, instances, ready_asset, signed_in
from suites.security._people import People, Trip, missing
from suites.security._proofs import SECRETS, Proof, proof_of, spoken_with
from suites.security.mutations import Link
from suites.security.signer import Ring, signed_query
from suites.security.test_signing import fetch

STAYS_DEAD_S = 1.0
ANSWERED_S = 1.0  # what is tried in time may be answered a moment later
PER_S = 2.0
FEWEST_TRIPS = 4
MOVES_WITHIN_S = 60.0
USED_WITHIN_S = 15.0
LATE_S, LATE_SHARE = 1.0, 0.02
ONE_VALUE = "postgres-"  # a role has one password: the sessions that are open carry the service over
FEWEST_CASES = 6 * len(SECRETS) - sum(name.startswith(ONE_VALUE) for name in SECRETS)
UNKNOWN = ("k0", "k999", "-", "none")


@check("SEC-HMAC-05", severity=BLOCKER, component="edge", alone=True)
def test_link_keys_rotate_with_overlap(disrupt: Disrupt) -> None:
    """Links of the old and the new key both open during a rotation; the retired key dies within the budget.

    Why it matters: a key that cannot be replaced without breaking every link is never replaced, also not on the day
    it leaks. A key that stays valid at one instance after its rotation has not been replaced at all.

    How it is measured: the platform rotates the key ring of the links. During the overlap a link made before, and one
    made since by each API instance, must open at the public host and at each edge instance, and the new ones must
    name another key. Then the old key is retired: from the request to retire it on, its link is fetched at every door
    until all refuse it with 403, which must take no longer than targets.rotation_dead_s, and it must stay refused for
    another second. At both moments links that were signed with a genuine key under an unknown id, or under the id of
    the other key, must be 403. The seconds of each step are in the evidence.

    Not covered: traffic during the rotation (SEC-SEC-04); how long an overlap must last, which is the lifetime of the
    longest link.
    """
    session = signed_in(disrupt)
    asset = ready_asset(disrupt, session)
    old_ring = Ring.parse(disrupt.credential("links").password)
    old = Link.parse(session.playback(asset.id).url)
    if old.value("kid") != old_ring.active:
        raise Invalid(f"links name the key {old.value('kid')!r}, the ring given to this check {old_ring.active!r}")
    if closed := [door for door, via in doors(disrupt, "edge").items() if fetch(disrupt, old, via).status != 200]:
        raise Invalid(f"a link does not open before the rotation at {', '.join(closed)}: see SEC-HMAC-01")
    seconds: dict[str, float] = {}
    with disrupt.cases(at_least=4 * len(doors(disrupt, "edge"))) as cases:
        began = time.monotonic()
        disrupt.platform.rotate("links")
        seconds["begin"] = round(time.monotonic() - began, 3)
        ring = Ring.parse(disrupt.credential("links").password)
        links = {"public": Link.parse(session.playback(asset.id).url)}
        for each in instances(disrupt, "api"):
            links[each.name] = Link.parse(spoken_with(disrupt, session, each).playback(asset.id).url)
        for name, link in links.items():
            with cases(f"the key that {name} signs with"):
                kid = link.value("kid")
                require(kid not in old_ring.keys, "links signed with a new key", f"key {kid!r}", name)
        for door, via in doors(disrupt, "edge").items():
            with cases(f"the old key during the overlap at {door}"):
                _require(disrupt, old, via, 200, "a link of the old key during the overlap", door)
            for name, link in links.items():
                with cases(f"the new key by {name} during the overlap at {door}"):
                    _require(disrupt, link, via, 200, "a link of the new key during the overlap", door)
            for what, link in _misnamed(old, ring):
                with cases(f"{what} during the overlap at {door}"):
                    _require(disrupt, link, via, 403, f"a link with {what}", door)
        retired = time.monotonic()
        disrupt.platform.retire("links")
        seconds["retire"] = round(time.monotonic() - retired, 3)
        for door, dead_s in _dead(disrupt, old, retired).items():
            with cases(f"the retired key at {door}"):
                within_s = float(disrupt.target("rotation_dead_s"))
                seen = "it still opens" if dead_s is None else f"after {dead_s:.3f} s"
                what = f"403 for a link of the retired key within {within_s:g} s"
                require(dead_s is not None and dead_s <= within_s, what, seen, _place(door))
                seconds[f"dead at {door}"] = round(dead_s or 0.0, 3)
            via = doors(disrupt, "edge")[door]
            with cases(f"the new key afterwards at {door}"):
                _require(disrupt, links["public"], via, 200, "a link of the new key after the rotation", door)
            for what, link in _misnamed(old, ring):
                with cases(f"{what} afterwards at {door}"):
                    _require(disrupt, link, via, 403, f"a link with {what}", door)
    disrupt.evidence("seconds", seconds)


@check("SEC-SEC-04", severity=BLOCKER, component="platform", alone=True)
def test_every_secret_rotates_under_traffic(disrupt: Disrupt) -> None:
    """Each secret is replaced under traffic: no request fails, the old value is dead after, every instance uses the new.

    Why it matters: secrets leak, people leave, audits ask. Whoever cannot replace a secret in office hours without an
    outage puts it off, and whoever replaces it without proof that the old one is dead has replaced nothing.

    How it is measured: journeys start twice a second, however long the earlier ones take. Half of them return with a token
    and a link from before, list, and fetch the preview from the edge; the others sign in first, and watch, or upload and
    delete a file. Meanwhile each secret in turn (the keys of links and of tokens; for every service its passwords of
    PostgreSQL and Redis and its key of the object store) is proven to open what it should, and rotated. In the overlap
    those return who came before it, and the old value must still open everything, but for passwords of PostgreSQL, which
    keeps one. Then people are given new tokens and links, everybody who has older ones ends, and the old value is
    retired. An independent client tries it (a sign-in to the store, to the pooler, and to every server and Sentinel of Redis,
    a token or a link made with it at every instance) from the request to retire it on, which itself may take longer: it must be refused within
    targets.rotation_dead_s, and again once the platform says that it is retired. Every instance must use the new one: its
    tokens, links and upload URLs name the new key, no session in the stores or at the pooler is older than the rotation, it
    is ready, and the worker makes a preview. No request of any journey may fail. A phase in which not every kind of journey
    was made, or a generator that was late, is INVALID.

    Not covered: secrets of people, administrators and the migration runner; the keys of backups and of restores, which read
    every master and every backup; who holds a token or a link for longer than the overlap, which has to last as long as they do.
    """
    session = signed_in(disrupt)
    asset = ready_asset(disrupt, session)
    table: dict[str, dict[str, float | int | None]] = {}
    disrupt.evidence("journeys started a second", PER_S)
    people = People(disrupt, asset)
    with disrupt.cases(at_least=FEWEST_CASES) as cases, Traffic(people.go, per_s=PER_S) as traffic:
        counted_s = time.monotonic()
        _let_work(traffic, people)
        for name in SECRETS:
            mine = signed_in(disrupt)  # the one before may have died with the key of its token
            people.renew()
            proof = proof_of(disrupt, name, mine, asset)
            opened = proof.opens()
            if not opened:
                raise Invalid(f"the value of {name} opens nothing before its rotation")
            begin_s = disrupt.platform.rotate(name).seconds
            overlap = time.monotonic()
            if not name.startswith(ONE_VALUE):
                with cases(f"{name}: the old value in the overlap"):
                    still = proof.opens()
                    closed = ", ".join(each for each in opened if each not in still)
                    require(not closed, "the old value accepted until it is retired", f"refused by {closed}", closed)
            _let_work(traffic, people)
            with cases(f"{name}: signing in during the overlap"):
                people.renew()
            _let_work(traffic, people)
            retired = time.monotonic()
            retire_s, dead_s = _retire(disrupt, cases, name, proof)
            with cases(f"{name}: every instance uses the new value"):
                eventually(partial(_used, proof), within_s=USED_WITHIN_S, what="the new value in use")
                if name.endswith("-worker"):
                    ready_asset(disrupt, mine)
            _let_work(traffic, people)
            until_s = time.monotonic()
            trips = _ended(traffic, counted_s, until_s)
            failures = [trip.failure for trip in trips if trip.failure]
            table[name] = {
                "journeys": len(trips),
                "requests": sum(trip.requests for trip in trips),
                "failures": len(failures),
                "begin_s": begin_s,
                "overlap_s": round(retired - overlap, 3),
                "retire_s": retire_s,
                "dead_s": dead_s,
            }
            disrupt.evidence("rotations, seconds and counts", table)
            if failures:
                traffic.require_punctual(LATE_S, LATE_SHARE)
            with cases(f"{name}: no request fails"):
                said = f"{len(failures)} of {len(trips)} journeys failed, the first: {failures[:1]}"
                require(not failures, f"no failed request while {name} is rotated", said, "platform")
            counted_s = until_s
        disrupt.evidence("share of late journeys", traffic.require_punctual(LATE_S, LATE_SHARE))


def _let_work(traffic: Traffic[Trip], people: People) -> None:
    """Wait until everybody who was under way has ended, and a journey of each kind has begun and ended since."""
    since = time.monotonic()

    def worked() -> bool:
        now = time.monotonic()
        trips = [shot.answer for shot in traffic.shots if shot.began_s >= since and shot.ended_s <= now]
        lacking = missing(trips, FEWEST_TRIPS)
        require(not lacking, "people at work", f"lacking: {lacking}")
        return not people.under_way(since)

    try:
        eventually(worked, within_s=MOVES_WITHIN_S, what="a journey of each kind, and nobody under way from before")
    except Failure as failure:
        raise Invalid(f"the traffic does not move: {failure}") from None


def _ended(traffic: Traffic[Trip], since: float, until: float) -> list[Trip]:
    return [shot.answer for shot in traffic.shots if since < shot.ended_s <= until]


def _used(proof: Proof) -> bool:
    proof.used()
    return True


def _retire(disrupt: Disrupt, cases: Cases, name: str, proof: Proof) -> tuple[float, float | None]:
    """Retire the old value and demand that it is dead in time, and still afterwards; return how long retiring and dying took."""
    dead_s: float | None = None
    retired = time.monotonic()
    with ThreadPoolExecutor(1) as beside, cases(f"{name}: the old value is dead"):
        retiring = beside.submit(disrupt.platform.retire, name)
        dead_s = _died(disrupt, proof, retired)
    retire_s = retiring.result().seconds
    with cases(f"{name}: the old value stays dead"):
        _require_dead(proof)
    return retire_s, dead_s


def _died(disrupt: Disrupt, proof: Proof, retired: float) -> float:
    """Wait until the old value opens nothing, and return how long after the request to retire it that was."""
    within_s = float(disrupt.target("rotation_dead_s"))
    wanted = f"the old value refused, {within_s:g} s after its end"

    def dead() -> tuple[float]:
        tried_s = time.monotonic() - retired
        _require_dead(proof)
        return (tried_s,)

    (dead_s,) = eventually(dead, within_s=within_s + ANSWERED_S, every_s=0.03, what=wanted)
    require(dead_s <= within_s, wanted, f"after {dead_s:.3f} s")
    return round(dead_s, 3)


def _require_dead(proof: Proof) -> None:
    where = proof.opens()
    require(not where, "the old value refused", f"it still opens {', '.join(where)}", ", ".join(where))


def _misnamed(link: Link, ring: Ring) -> list[tuple[str, Link]]:
    """Return links that were signed with the keys of the ring, under ids that are not theirs."""
    found = []
    for kid, key in ring.keys.items():
        for named in (*UNKNOWN, *(each for each in ring.keys if each != kid)):
            exp = int(link.value("exp"))
            query = signed_query(key, host=link.host, asset_id=link.asset_id, variant=link.variant, kid=named, exp=exp)
            what = f"an unknown key id ({named})" if named in UNKNOWN else "the id of another key"
            pairs = tuple((name, value) for name, _, value in (pair.partition("=") for pair in query.split("&")))
            found.append((f"{what} by {kid}", Link(link.host, link.asset_id, link.variant, pairs)))
    return found


def _dead(disrupt: Disrupt, link: Link, since: float) -> dict[str, float | None]:
    """Fetch the link at every door until all have refused it for a while; return when each did so for good."""
    within_s = float(disrupt.target("rotation_dead_s"))
    refused_from: dict[str, float | None] = dict.fromkeys(doors(disrupt, "edge"))

    def all_dead() -> bool:
        for door, via in doors(disrupt, "edge").items():
            sent = time.monotonic()
            status = fetch(disrupt, link, via).status
            if status != 403:
                refused_from[door] = None
            elif refused_from[door] is None:
                refused_from[door] = sent - since
        now = time.monotonic() - since
        return now > within_s + STAYS_DEAD_S or all(
            moment is not None and now > moment + STAYS_DEAD_S for moment in refused_from.values()
        )

    eventually(all_dead, within_s=within_s + STAYS_DEAD_S + 20.0, every_s=0.03, what="an answer at every door")
    return refused_from


def _require(disrupt: Disrupt, link: Link, via: str | None, status: int, what: str, door: str) -> None:
    answer = fetch(disrupt, link, via)
    require(answer.status == status, f"{status} for {what}", answer.error or f"{answer.status}", _place(door))


def _place(door: str) -> str:
    return "edge" if door == "public" else door
