"""Requests are limited by who makes them, and whoever makes too many is alone in noticing it."""

import secrets
import time
from contextlib import ExitStack
from dataclasses import dataclass, replace

from seatrial import MAJOR, Exercise, Failure, Invalid, check, eventually, require
from seatrial.cases import Cases
from seatrial.probes.http import HttpAnswer, HttpStream
from suites.client import Session, instances, made_up_address, remove, signed_in

LONGEST_WAIT_S = 60
LATE_S = 10.0
TRIES = 6
EXEMPT = ("live", "ready", "version")


@dataclass(frozen=True)
class Limit:
    """What the profile states of one limit."""

    burst: int
    per_s: float


@dataclass(frozen=True)
class Asker:
    """Asks the instances in turn, as the ingress would pass it on.

    Attributes:
        address: the client's, in the ingress's words; a new one for each request where it is empty.
        token: of the account's session; without it the answers are 401.
    """

    exercise: Exercise
    ways: dict[str, str]
    address: str = ""
    token: str = ""

    @property
    def served(self) -> int:
        """The status of a request that is not refused by a limit."""
        return 200 if self.token else 401

    def ask(self, way: str, claimed: str = "") -> HttpAnswer:
        """Read the newest asset by one instance; `claimed` is what the caller itself wrote before the address."""
        address = self.address or made_up_address()
        headers = {"X-Forwarded-For": f"{claimed}, {address}" if claimed else address}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        return self.exercise.http.get("api:/v1/assets?limit=1", headers=headers, via=self.ways[way], timeout_s=10.0)


@dataclass(frozen=True)
class Refusal:
    """The first refusal of many requests in a row, how many came before it, and in what time."""

    answer: HttpAnswer
    before: int
    elapsed_s: float


@check("SEC-HTTP-03", severity=MAJOR, component="api", alone=True)
def test_limits_hold_per_client_and_per_account(exercise: Exercise) -> None:
    """Rate limits hold per client and per account, answer 429 with Retry-After, and do not starve others.

    Why it matters: without a limit one script with a bug takes the service from everybody. A limit that is shared, or
    that a caller can move to somebody else, is itself the way to do that (OWASP API4:2023; CWE-770, CWE-348).

    How it is measured: requests go straight to the instances, in turn, which believe their proxies' X-Forwarded-For, with
    random addresses of 2001:db8::/32, so that nothing counts against a real client. One address without a token, and then
    one account from an address that changes with each request, must get 429 as soon as the profile's limits say
    (targets.client_limit_burst and the like), the address not sooner, with a Retry-After of a minute at most. Then every
    instance must refuse them, whatever address the caller claims, from another address of the same network of 64 bits, of
    which a caller has all (RFC 7421), and by another route and another session too; live, ready and version must answer,
    another address and another account must be served; and they themselves again once the Retry-After is over. At last
    an account holds as many event streams at one instance as it may (targets.account_streams): one more must be 429, and
    another account's must open. A machine too slow to use a limit up is INVALID.

    Not covered: networks that are not limited, by the settings; failed sign-ins (SEC-AUTH-03); that the ingress states
    the true address (INF-LB-02); what happens without Redis, where nobody is limited.
    """
    ways = {each.name: each.via for each in instances(exercise, "api") if each.via}
    if not ways:
        raise Invalid("no instance of the api has a private address, so all clients would share one with everybody")
    if exercise.account_number(0) == exercise.account_number(1):
        raise Invalid("the profile has one account, which no other can be compared with")
    mine, again, other = (signed_in(exercise, number) for number in (0, 0, 1))
    client = Limit(int(exercise.target("client_limit_burst")), float(exercise.target("client_limit_per_s")))
    account = Limit(int(exercise.target("account_limit_burst")), float(exercise.target("account_limit_per_s")))
    with exercise.cases(at_least=12 + 5 * len(ways)) as cases:
        _try_client(exercise, cases, ways, client)
        _try_account(exercise, cases, ways, account, (mine, again, other))
        _try_streams(exercise, cases, ways, (mine, other))


def _try_client(exercise: Exercise, cases: Cases, ways: dict[str, str], client: Limit) -> None:
    asker = Asker(exercise, ways, address=made_up_address())
    refusal = _until_refused(asker, client)
    exercise.evidence("served to a client before it was refused", refusal.before)
    with cases("a client's refusal"):
        _require_refusal(refusal, client)
        require(refusal.before >= client.burst, f"{client.burst} requests served at once", refusal.before, "api")
    for way in ways:
        with cases(f"a client at {way}"):
            _require_limited(asker, way, client, "429 for a client over its limit")
        with cases(f"another address claimed at {way}"):
            _require_limited(asker, way, client, "429 whatever the caller claims", claims=True)
        with cases(f"another address of the client's network at {way}"):
            neighbour = replace(asker, address=f"{asker.address.rpartition(':')[0]}:ffff")
            _require_limited(neighbour, way, client, "429 from another address of the same network of 64 bits")
    with cases("a client that refreshes"):
        answers = [_refresh(exercise, asker, way) for way in ways for _ in range(TRIES)]
        require(429 in answers, "429 by another route", answers, "api")
    for path in EXEMPT:
        with cases(f"a client over its limit asks whether the service is {path}"):
            _require_exempt(exercise, asker, path)
    with cases("another client meanwhile"):
        _require_served(replace(asker, address=made_up_address()), "another client, while one is over its limit")
    with cases("a client after its wait"):
        _require_again(asker, refusal)


def _try_account(
    exercise: Exercise, cases: Cases, ways: dict[str, str], account: Limit, sessions: tuple[Session, Session, Session]
) -> None:
    mine, again, other = sessions
    asker = Asker(exercise, ways, token=mine.tokens.access_token)
    refusal = _until_refused(asker, account)
    exercise.evidence("served to an account before it was refused", refusal.before)
    with cases("an account's refusal"):
        _require_refusal(refusal, account)
    for way in ways:
        with cases(f"an account at {way}"):
            _require_limited(asker, way, account, "429 for an account over its limit")
        with cases(f"another session of the account at {way}"):
            same = replace(asker, token=again.tokens.access_token)
            _require_limited(same, way, account, "429 for every session of the account")
    with cases("another account meanwhile"):
        _require_served(replace(asker, token=other.tokens.access_token), "another account, while one is over its limit")
    with cases("an account after its wait"):
        _require_again(asker, refusal)


def _try_streams(exercise: Exercise, cases: Cases, ways: dict[str, str], sessions: tuple[Session, Session]) -> None:
    mine, other = sessions
    way, most = next(iter(ways)), int(exercise.target("account_streams"))
    with ExitStack() as held:
        with cases("an account that watches"):
            opened = [_watch(exercise, held, mine, ways[way]) for _ in range(most)]
            seen = [stream.error or stream.status for stream in opened]
            require(seen == [200] * most, f"{most} streams of one account", seen, way)
            more = _watch(exercise, held, mine, ways[way])
            require(more.status == 429, "429 for one stream more", more.error or more.status, way)
            require("retry-after" in more.headers, "Retry-After beside a 429", "none", way)
        with cases("another account that watches meanwhile"):
            theirs = _watch(exercise, held, other, ways[way])
            require(theirs.status == 200, "a stream of another account", theirs.error or theirs.status, way)


def _until_refused(asker: Asker, limit: Limit) -> Refusal:
    began, ways = time.monotonic(), list(asker.ways)
    for turn in range(3 * limit.burst):
        answer = asker.ask(ways[turn % len(ways)])
        if answer.status == 429:
            return Refusal(answer, turn, time.monotonic() - began)
        require(answer.status == asker.served, f"{asker.served} or 429", answer.error or answer.status, "api")
    _require_quick(3 * limit.burst, time.monotonic() - began, limit)
    raise Failure(f"429 after {limit.burst} requests at once", f"{3 * limit.burst} were served", "api")


def _require_quick(requests: int, elapsed_s: float, limit: Limit) -> None:
    """Raise Invalid where the bucket filled at least half as fast as it was emptied."""
    if requests < 2 * limit.per_s * elapsed_s:
        raise Invalid(f"{requests} requests took {elapsed_s:.1f} s: too slow to use up {limit.per_s:g} a second")


def _require_refusal(refusal: Refusal, limit: Limit) -> None:
    most = limit.burst + limit.per_s * refusal.elapsed_s + 1
    require(refusal.before <= most, f"429 after {most:.0f} requests at the latest", refusal.before, "api")
    answer = refusal.answer
    wait = answer.headers.get("retry-after", "")
    stated = wait.isdigit() and 0 < int(wait) <= LONGEST_WAIT_S
    require(stated, f"Retry-After of 1 to {LONGEST_WAIT_S} s beside a 429", wait or "none", "api")
    kind = answer.headers.get("content-type", "")
    require(kind == "application/problem+json", "a problem document", kind, "api")


def _require_limited(asker: Asker, way: str, limit: Limit, what: str, *, claims: bool = False) -> None:
    """Require a refusal among a few requests in a row: one may have become due again since the last."""
    began = time.monotonic()
    seen = []
    for _ in range(TRIES):
        seen.append(asker.ask(way, claimed=made_up_address() if claims else "").status)
        if seen[-1] == 429:
            return
    _require_quick(TRIES, time.monotonic() - began, limit)
    raise Failure(what, f"{seen}", way)


def _refresh(exercise: Exercise, asker: Asker, way: str) -> int | None:
    headers, body = {"X-Forwarded-For": asker.address}, {"refresh_token": secrets.token_urlsafe(32)}
    return exercise.http.post("api:/v1/sessions/refresh", json=body, headers=headers, via=asker.ways[way]).status


def _require_exempt(exercise: Exercise, asker: Asker, which: str) -> None:
    path = getattr(exercise.profile.services["api"], which)
    for way, via in asker.ways.items():
        answer = exercise.http.get(f"api:{path}", headers={"X-Forwarded-For": asker.address}, via=via, timeout_s=10.0)
        require(answer.status == 200, f"200 for {path}, which is not limited", answer.error or answer.status, way)


def _require_served(asker: Asker, who: str) -> None:
    for way in asker.ways:
        answer = asker.ask(way)
        require(answer.status == asker.served, f"{asker.served} for {who}", answer.error or answer.status, way)


def _watch(exercise: Exercise, held: ExitStack, session: Session, via: str) -> HttpStream:
    """Open one more stream of events, which is counted once its first line is there, and closed when nobody holds it."""
    asset = session.create(f"{exercise.marker} watched", b"never sent").asset
    exercise.cleanup(remove, session, asset.id)
    headers = {"Authorization": f"Bearer {session.tokens.access_token}"}
    stream = held.enter_context(exercise.http.stream(f"api:/v1/assets/{asset.id}/events", headers=headers, via=via))
    next(stream.lines, "")
    return stream


def _require_again(asker: Asker, refusal: Refusal) -> None:
    wait = refusal.answer.headers.get("retry-after", "")
    within_s = (int(wait) if wait.isdigit() else LONGEST_WAIT_S) + LATE_S
    way = next(iter(asker.ways))
    what = f"{asker.served} again after Retry-After: {wait}"
    eventually(lambda: asker.ask(way).status == asker.served, within_s=within_s, what=what, where=way)
