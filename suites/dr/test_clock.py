"""The drill for clocks that have gone wrong."""

from functools import partial

from seatrial import BLOCKER, Disrupt, Invalid, Plan, check
from seatrial.cases import Cases
from seatrial.drills import Drill
from seatrial.probes.http import HttpAnswer
from suites.client import Asset, Instance, Session, instances, ready_asset, require_removable_masters, signed_in
from suites.dr._callers import Callers
from suites.dr._clocks import (
    Pair,
    ended_link,
    ended_token,
    fresh_session,
    fresh_token,
    play,
    require_limited,
    require_retention,
    soon,
    use,
)
from suites.dr._steady import steady

BEYOND = 3
MINUTE_S = 60.0
FEWEST = 50


@check(
    "DR-CLK-01",
    severity=BLOCKER,
    component="platform",
    plan=Plan(
        strikes="the clock of one API and then of one edge instance is moved ahead and behind, within the tolerance and beyond it",
        noticed="nobody within the tolerance; beyond it whoever meets that instance has to sign in again, or take a new link",
        undone="restarts the instance with the machine's own clock",
        undo_s=30,
        answered_by=("SEC-AUTH-01", "SEC-HMAC-03"),
    ),
)
def test_clocks_may_differ_by_the_tolerance_and_no_more(disrupt: Disrupt) -> None:
    """With an instance's clock wrong within the declared tolerance nobody is refused; beyond it what is too old or too new is refused.

    Why it matters: clocks drift, and time servers fail one machine at a time. Where nothing is forgiven, an instance two seconds
    ahead refuses tokens at random; where anything is, nothing ever expires; and an object lock that is dated by the wrong clock
    ends too early, or cannot be undone for longer than anybody meant.

    How it is measured: the clock of one API instance, then of one edge instance, is moved a second less than
    targets.clock_tolerance_s ahead and behind, and to three times the tolerance; the other instance keeps the right time.
    Manipulation check: both Date headers, else INVALID. Within the tolerance: fresh tokens of each instance at each, the session
    of before, a token a second after its expiry by the struck clock, limits of a stranger with the wait that they name, an upload
    that becomes a preview, links at both ends of their life at each edge instance, and the retention of a master by the store's
    clock must be as they should; nobody else's call may fail. A token or link that has expired beyond the tolerance, by the clock
    that reads it, must be refused there, which is 401 or 403. Beyond the tolerance, a token or link that is too old or too
    new by the difference must be refused by the one, while the other goes on. What is right for some seconds only is judged by answers that
    came in time. After the undo: the steady state, and tokens and links of each at each.

    Not covered: clocks of databases and stores, whose own they are; signatures of uploads, which the store forgives a quarter of
    an hour; a clock that steps or smears while a request runs; certificates, which no service of the local platform verifies
    within their last minutes.
    """
    if not disrupt.platform.offers("clock"):
        raise Invalid("the platform does not offer clock; locally, run `make setup` where apt has libfaketime")
    require_removable_masters(disrupt)
    apis, edges = (_pair(disrupt, service) for service in ("api", "edge"))
    tolerance_s = int(disrupt.target("clock_tolerance_s"))
    near, far = tolerance_s - 1, BEYOND * tolerance_s
    session = signed_in(disrupt)
    asset = ready_asset(disrupt, session)
    with (
        Drill(disrupt, steady(disrupt, session), within_s=float(disrupt.target("ready_s"))) as drill,
        disrupt.cases(at_least=FEWEST) as cases,
    ):
        with Callers(disrupt, session, drill) as callers:
            for off in (near, -near):
                _strike(drill, apis, off)
                _api_within(cases, apis, edges, session, off, tolerance_s)
        with cases("nobody else notices"):
            callers.judge()
        for off in (far, -far):
            _strike(drill, apis, off)
            _api_beyond(cases, apis, session, off, tolerance_s)
        drill.undo()
        for off in (near, -near):
            _strike(drill, edges, off)
            _edge_within(cases, edges, session, asset, off, tolerance_s)
        for off in (far, -far):
            _strike(drill, edges, off)
            _edge_beyond(cases, edges, session, asset, off, tolerance_s)
        drill.undo()
        drill.require_steady("after the undo")
        _tokens_cross(cases, apis, "after the undo")
        _links_open(cases, edges, session, asset, 0, tolerance_s)


def _pair(disrupt: Disrupt, service: str) -> Pair:
    found = [each for each in instances(disrupt, service) if each.via]
    if len(found) < 2:
        raise Invalid(f"{service} has {len(found)} instances with an address of their own, this takes two")
    return Pair(disrupt, *found[:2])


def _strike(drill: Drill, pair: Pair, off: int) -> None:
    drill.strike(f"{pair.struck.name} {off:+d} s", lambda: pair.move(off), lambda: pair.apart(off), within_s=10.0)


def _api_within(cases: Cases, apis: Pair, edges: Pair, session: Session, off: int, tolerance_s: int) -> None:
    disrupt, struck = apis.disrupt, apis.struck
    _tokens_cross(cases, apis, f"{off:+d} s")
    with cases(f"{off:+d} s: the session of before"):
        soon(partial(use, disrupt, session.tokens.access_token, struck), 200, MINUTE_S, "it goes on", struck.name)
    with cases(f"{off:+d} s: a token of a second ago"):
        what = f"a token taken that ended a second ago by the clock of {struck.name}"
        soon(
            lambda: use(disrupt, ended_token(disrupt, session, off, 1), struck), 200, tolerance_s - 2, what, struck.name
        )
    with cases(f"{off:+d} s: a dead token"):
        what = f"a token refused that ended {tolerance_s + 1} s ago by the clock of {struck.name}"
        dead = ended_token(disrupt, session, off, tolerance_s + 1)
        soon(partial(use, disrupt, dead, struck), 401, MINUTE_S, what, struck.name)
    with cases(f"{off:+d} s: limits"):
        require_limited(disrupt, struck)
    mine = fresh_session(disrupt, struck)
    with cases(f"{off:+d} s: an upload"):
        asset = ready_asset(disrupt, mine)
        _links_open(cases, edges, mine, asset, off, tolerance_s)
        with cases(f"{off:+d} s: retention"):
            require_retention(disrupt, mine, asset, struck.name)


def _api_beyond(cases: Cases, apis: Pair, session: Session, off: int, tolerance_s: int) -> None:
    disrupt, struck, right = apis.disrupt, apis.struck, apis.right
    signer, reader = (struck, right) if off > 0 else (right, struck)
    with cases(f"{off:+d} s: a token of the future"):
        what = f"a token of {signer.name} refused at {reader.name}, by whose clock it is not valid yet"
        token = partial(fresh_token, disrupt, signer)
        soon(lambda: use(disrupt, token(), reader), 401, abs(off) - tolerance_s - 2, what, reader.name)
    with cases(f"{off:+d} s: a dead token"):
        what = f"a token refused that ended {tolerance_s + 1} s ago by the clock of {struck.name}"
        dead = ended_token(disrupt, session, off, tolerance_s + 1)
        soon(partial(use, disrupt, dead, struck), 401, MINUTE_S, what, struck.name)
    with cases(f"{off:+d} s: the other goes on"):
        soon(
            lambda: use(disrupt, fresh_token(disrupt, right), right), 200, MINUTE_S, "its own tokens taken", right.name
        )


def _edge_within(cases: Cases, edges: Pair, session: Session, asset: Asset, off: int, tolerance_s: int) -> None:
    disrupt, struck = edges.disrupt, edges.struck
    _links_open(cases, edges, session, asset, off, tolerance_s)
    with cases(f"{off:+d} s: a dead link"):
        what = f"a link refused that ended {tolerance_s + 1} s ago by the clock of {struck.name}"
        dead = ended_link(disrupt, asset, session.playback(asset.id).url, off, tolerance_s + 1)
        soon(partial(play, disrupt, dead, struck), 403, MINUTE_S, what, struck.name)


def _edge_beyond(cases: Cases, edges: Pair, session: Session, asset: Asset, off: int, tolerance_s: int) -> None:
    """Ahead, a link near its end is too old; behind, one of the longest life is too new."""
    disrupt, longest_s = edges.disrupt, int(edges.disrupt.target("link_max_lifetime_s"))
    lifetime_s, within_s = (tolerance_s - 2, tolerance_s - 2) if off > 0 else (longest_s, abs(off) - tolerance_s - 2)
    for edge, wanted in ((edges.struck, 403), (edges.right, 200)):
        what = f"{wanted} for a link of {lifetime_s} s at {edge.name}"
        with cases(f"{off:+d} s: {what}"):
            soon(partial(_fetched, disrupt, session, asset, lifetime_s, edge), wanted, within_s, what, edge.name)


def _links_open(cases: Cases, edges: Pair, session: Session, asset: Asset, off: int, tolerance_s: int) -> None:
    """Demand that links which are as old, or as new, as the tolerance lets them be open at each edge instance."""
    disrupt = edges.disrupt
    for edge in (edges.struck, edges.right):
        for lifetime_s in (tolerance_s - 2, int(disrupt.target("link_max_lifetime_s"))):
            what = f"a link of {lifetime_s} s opened at {edge.name}"
            ask = partial(_fetched, disrupt, session, asset, lifetime_s, edge)
            with cases(f"{off:+d} s: {what}"):
                soon(ask, 200, tolerance_s - 2, what, edge.name)


def _fetched(disrupt: Disrupt, session: Session, asset: Asset, lifetime_s: int, edge: Instance) -> HttpAnswer:
    return play(disrupt, session.playback(asset.id, lifetime_s=lifetime_s).url, edge)


def _tokens_cross(cases: Cases, apis: Pair, when: str) -> None:
    for signer in (apis.struck, apis.right):
        token = fresh_token(apis.disrupt, signer)
        for reader in (apis.struck, apis.right):
            what = f"a fresh token of {signer.name} taken at {reader.name}"
            with cases(f"{when}: {what}"):
                soon(partial(use, apis.disrupt, token, reader), 200, MINUTE_S, what, reader.name)
