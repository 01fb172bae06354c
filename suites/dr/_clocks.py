"""What is asked of a system whose instances do not agree on the time: tokens, links, limits, and dates of masters."""

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime

from seatrial import Disrupt, Invalid, eventually, require
from seatrial.probes.http import HttpAnswer
from suites.client import Asset, Instance, Session, signed_in
from suites.security.forgery import Genuine, signed_by
from suites.security.mutations import Link
from suites.security.signer import Ring, signed_query

# A Date header says whole seconds, and may be a second old.
DATE_S = 2.5
# The product may round a date of retention up, and answers after it has chosen it.
ROUNDED = timedelta(seconds=3)
LONGEST_WAIT_S = 60


@dataclass(frozen=True)
class Pair:
    """Two instances of a service: one whose clock is moved, and one whose clock is right."""

    disrupt: Disrupt
    struck: Instance
    right: Instance

    def move(self, seconds: int) -> None:
        """Move the clock of the one."""
        self.disrupt.platform.clock(self.struck.name, seconds)

    def apart(self, seconds: int) -> bool:
        """Tell by both Date headers whether the one is off by so much, and the other one right."""
        return all(
            abs(_date(self.disrupt, each) - time.time() - off) <= DATE_S
            for each, off in ((self.struck, seconds), (self.right, 0))
        )


def _date(disrupt: Disrupt, instance: Instance) -> float:
    path = disrupt.profile.services[instance.service].live
    said = disrupt.http.get(instance.url(path), via=instance.via, timeout_s=2.0).headers.get("date")
    return parsedate_to_datetime(said).timestamp() if said else 0.0


def soon(ask: Callable[[], HttpAnswer], wanted: int, within_s: float, what: str, where: str) -> None:
    """Demand a status of an answer that counts only if it came so soon, for afterwards another one is right; INVALID if none did."""
    for _ in range(3):
        began = time.monotonic()
        answer = ask()
        if time.monotonic() - began < within_s:
            require(answer.status == wanted, what, answer.error or f"{answer.status} {answer.text[:100]}", where)
            return
    raise Invalid(f"{what}: no answer within {within_s:g} s, after which another one is right")


def use(disrupt: Disrupt, token: str, at: Instance) -> HttpAnswer:
    """List an asset with a token at one instance."""
    headers = {"Authorization": f"Bearer {token}"}
    return disrupt.http.get("api:/v1/assets?limit=1", headers=headers, via=at.via, timeout_s=5.0)


def ended_token(disrupt: Disrupt, session: Session, off: int, ago_s: int) -> str:
    """Sign a token of this session, with the true key, that ended so long ago by a clock which is `off`."""
    token, exp = session.tokens.access_token, int(time.time()) + off - ago_s
    ring, kid = Ring.parse(disrupt.credential("jwt").password), str(Genuine(token).header.get("kid"))
    if kid not in ring.keys:
        raise Invalid(f"tokens name the key {kid!r}, which is not in the ring given to this check")
    return signed_by(token, ring.keys[kid], exp=exp, iat=exp - 100, nbf=exp - 100)


def play(disrupt: Disrupt, url: str, at: Instance) -> HttpAnswer:
    """Fetch what a link opens at one instance."""
    link = Link.parse(url)
    return disrupt.http.get(f"play:{link.target}", headers={"Host": link.host}, via=at.via, timeout_s=5.0)


def ended_link(disrupt: Disrupt, asset: Asset, like: str, off: int, ago_s: int) -> str:
    """Sign a link to an asset's preview, with the true key, that ended so long ago by a clock which is `off`."""
    ring, host = Ring.parse(disrupt.credential("links").password), Link.parse(like).host
    kid, exp = ring.active, int(time.time()) + off - ago_s
    query = signed_query(ring.keys[kid], host=host, asset_id=asset.id, variant="preview", kid=kid, exp=exp)
    return f"{like.partition('?')[0]}?{query}"


def fresh_session(disrupt: Disrupt, at: Instance) -> Session:
    """Sign in at one instance."""
    return signed_in(disrupt, via=at.via)


def fresh_token(disrupt: Disrupt, at: Instance) -> str:
    """Take a new token at one instance."""
    return fresh_session(disrupt, at).tokens.access_token


def require_limited(disrupt: Disrupt, at: Instance) -> None:
    """Demand that a stranger is refused as soon as the profile says, and served again after the wait that was named."""
    burst, per_s = int(disrupt.target("client_limit_burst")), float(disrupt.target("client_limit_per_s"))
    address = {"X-Forwarded-For": f"2001:db8:{secrets.randbelow(65_536):x}:{secrets.randbelow(65_536):x}::1"}

    def ask() -> HttpAnswer:
        return disrupt.http.get("api:/v1/assets?limit=1", headers=address, via=at.via, timeout_s=5.0)

    began, served = time.monotonic(), 0
    while (answer := ask()).status == 401:
        served += 1
        most = burst + per_s * (time.monotonic() - began + 1.0)
        require(served <= most, f"429 after {burst} requests at once", f"{served} were served", at.name)
    require(answer.status == 429, "401 for a stranger, or 429 for one over the limit", f"{answer}", at.name)
    require(served >= burst, f"{burst} requests served at once", f"{served}", at.name)
    wait = answer.headers.get("retry-after", "")
    named = wait.isdigit() and 1 <= int(wait) <= LONGEST_WAIT_S
    require(named, f"a Retry-After of 1 to {LONGEST_WAIT_S} s", repr(wait), at.name)
    what = f"served again after {wait} s"
    eventually(lambda: ask().status == 401, within_s=int(wait) + 3.0, every_s=0.5, what=what, where=at.name)


def require_retention(disrupt: Disrupt, session: Session, asset: Asset, where: str) -> None:
    """Promote an asset, and demand that its master is kept as long as declared by the store's clock: not shorter, not longer."""
    keep = timedelta(seconds=float(disrupt.target("master_retention_s")))
    before = _store_time(disrupt)
    master = session.promote(asset.id).master
    after = _store_time(disrupt)
    require(master is not None, "a master", "none", where)
    assert master is not None
    kept = master.retained_until
    ok = before + keep <= kept <= after + keep + ROUNDED
    seen = f"{(kept - before).total_seconds():g} s from before the promotion, {(kept - after).total_seconds():g} s from after it"
    require(ok, f"retention of {keep.total_seconds():g} s by the store's clock", seen, where)


def _store_time(disrupt: Disrupt) -> datetime:
    said = disrupt.s3.anonymous("GET").headers.get("date")
    if not said:
        raise Invalid("the store does not say what time it is")
    return parsedate_to_datetime(said)
