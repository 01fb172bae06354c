"""What a token says is held against it, also when its signature is right."""

import time

from seatrial import BLOCKER, Disrupt, Invalid, check, require
from seatrial.probes.http import HttpAnswer
from suites.client import doors, signed_in
from suites.security.forgery import Genuine, signed_by, stolen_key_tokens
from suites.security.signer import Ring

FEWEST_TOKENS = 25


@check("SEC-AUTH-04", severity=BLOCKER, component="api")
def test_a_right_signature_does_not_excuse_wrong_claims(disrupt: Disrupt) -> None:
    """A token under a right signature is refused for its audience, issuer, times, type or a session that is not its own.

    Why it matters: one key often signs for several services and purposes. If audience, issuer or type are not looked at,
    a token that was made for one of them opens all; if expiry is forgiven, sign-out and rotation lose their meaning
    (RFC 8725, sections 3.8, 3.9 and 3.11; RFC 9068, section 4).

    How it is measured: the check holds the true key ring, as a thief of it would, or a sister service. From a genuine
    token it makes others under the right signature: each claim changed, or left out; the times moved by days and by
    seconds; the session of somebody else, and one that has been signed out; other types. Each goes to the public host and
    to each instance and must be 401 with a challenge. A token with unchanged claims that the check itself signed must open
    the door before and after, else nothing is concluded.

    Not covered: claims of a signed token that name another user and that user's own session: whoever has the key is
    everybody, which is why keys rotate (SEC-SEC-04).
    """
    mine, theirs, ended = signed_in(disrupt, 0), signed_in(disrupt, 1), signed_in(disrupt, 0)
    ended.sign_out()
    token = mine.tokens.access_token
    ring, kid = Ring.parse(disrupt.credential("jwt").password), Genuine(token).header.get("kid")
    key = ring.keys.get(str(kid))
    if key is None:
        raise Invalid(f"tokens name the key {kid!r}, which is not in the ring given to this check")
    tolerance_s = float(disrupt.target("clock_tolerance_s"))
    stolen = stolen_key_tokens(token, theirs.tokens.access_token, key, time.time(), tolerance_s)
    made = {each.attack: each.token for each in stolen}
    made["a session that was signed out"] = signed_by(ended.tokens.access_token, key)
    ways = doors(disrupt, "api")
    with disrupt.cases(at_least=FEWEST_TOKENS * len(ways)) as cases:
        for door, via in ways.items():
            _require_key(disrupt, signed_by(token, key), via, door)
            for attack, each in made.items():
                with cases(f"{attack} at {door}"):
                    _require_refused(_use(disrupt, each, via), attack, "api" if door == "public" else door)
            _require_key(disrupt, signed_by(token, key), via, door)
    disrupt.evidence("tokens", list(made))


def _require_key(disrupt: Disrupt, token: str, via: str | None, door: str) -> None:
    answer = _use(disrupt, token, via)
    if answer.status != 200:
        raise Invalid(f"a token with right claims, signed by this check, is not taken at {door}: {_said(answer)}")


def _require_refused(answer: HttpAnswer, attack: str, where: str) -> None:
    require(answer.status == 401, f"401 for a rightly signed token with {attack}", _said(answer), where)
    challenge = answer.headers.get("www-authenticate", "")
    require("bearer" in challenge.lower(), f"a challenge for {attack}", challenge, where)


def _use(disrupt: Disrupt, token: str, via: str | None) -> HttpAnswer:
    return disrupt.http.get("api:/v1/assets?limit=1", headers={"Authorization": f"Bearer {token}"}, via=via)


def _said(answer: HttpAnswer) -> str:
    return answer.error or f"{answer.status} {answer.text[:160]}".strip()
