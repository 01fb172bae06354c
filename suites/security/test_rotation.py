"""Every secret can be replaced while people work: nobody notices, and the old value dies."""

import time

from seatrial import BLOCKER, Disrupt, Invalid, check, eventually, require
from suites.client import Client, Instance, Session, instances, ready_asset, signed_in
from suites.security.mutations import Link
from suites.security.signer import Ring, signed_query
from suites.security.test_signing import doors, fetch

STAYS_DEAD_S = 1.0
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
    if closed := [door for door, via in doors(disrupt).items() if fetch(disrupt, old, via).status != 200]:
        raise Invalid(f"a link does not open before the rotation at {', '.join(closed)}: see SEC-HMAC-01")
    seconds: dict[str, float] = {}
    with disrupt.cases(at_least=4 * len(doors(disrupt))) as cases:
        began = time.monotonic()
        disrupt.platform.rotate("links")
        seconds["begin"] = round(time.monotonic() - began, 3)
        ring = Ring.parse(disrupt.credential("links").password)
        links = {"public": Link.parse(session.playback(asset.id).url)}
        for each in instances(disrupt, "api"):
            links[each.name] = Link.parse(_via(disrupt, session, each).playback(asset.id).url)
        for name, link in links.items():
            with cases(f"the key that {name} signs with"):
                kid = link.value("kid")
                require(kid not in old_ring.keys, "links signed with a new key", f"key {kid!r}", name)
        for door, via in doors(disrupt).items():
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
            via = doors(disrupt)[door]
            with cases(f"the new key afterwards at {door}"):
                _require(disrupt, links["public"], via, 200, "a link of the new key after the rotation", door)
            for what, link in _misnamed(old, ring):
                with cases(f"{what} afterwards at {door}"):
                    _require(disrupt, link, via, 403, f"a link with {what}", door)
    disrupt.evidence("seconds", seconds)


def _via(disrupt: Disrupt, session: Session, instance: Instance) -> Session:
    """Return the same session, spoken with one instance."""
    return Session(Client(disrupt.http, instance.via), session.tokens, session.again)


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
    refused_from: dict[str, float | None] = dict.fromkeys(doors(disrupt))

    def all_dead() -> bool:
        for door, via in doors(disrupt).items():
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
