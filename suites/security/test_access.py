"""Who may call what: every route of the live contract, with every kind of bad credential."""

import base64
import json
import uuid

from seatrial import BLOCKER, Exercise, check, require
from seatrial.probes.http import HttpAnswer
from suites.client import Session, Tokens, ready_asset, signed_in
from suites.client.contract import Operation, body_for, operations

# Reviewed here and not read from the live document: a route that lost its guard would declare itself public.
PUBLIC = frozenset(
    {
        ("GET", "/livez"),
        ("GET", "/readyz"),
        ("GET", "/version"),
        ("POST", "/v1/sessions"),
        ("POST", "/v1/sessions/refresh"),
    }
)
FEWEST_GUARDED = 10


@check("SEC-ACL-01", severity=BLOCKER, component="api")
def test_every_route_refuses_strangers(exercise: Exercise) -> None:
    """Every route except the declared public ones refuses anonymous and bad credentials.

    Why it matters: one new route that somebody forgot to guard opens the whole store. Broken access control leads the
    OWASP Top 10 of 2021 (A01).

    How it is measured: the routes come from the live /openapi.json, none is left out; the public ones are a reviewed
    list in this file. Every other route is called on a real asset with a body that fits its schema: without
    credentials, with an empty and a garbage token, another scheme, the token in the query, a forged token without
    signature, one with a foreign signature, a genuine one with one signature character changed, one whose claims were
    prolonged, and a refresh token. Each must be 401 with a WWW-Authenticate challenge and a problem document.
    Afterwards the asset is unchanged, and the genuine token still works.

    Not covered: what one signed-in user may do to another's assets (SEC-ACL-02), deeper attacks on tokens
    (SEC-AUTH-02), routes outside of the document (DEP-API-01), the frontend's pages.
    """
    session = signed_in(exercise)
    asset = ready_asset(exercise, session)
    live = operations(exercise.http.get("api:/openapi.json").json())
    guarded = [each for each in live if (each.method, each.path) not in PUBLIC]
    exercise.evidence("routes", {"live": len(live), "public": len(live) - len(guarded), "guarded": len(guarded)})
    require(
        {(each.method, each.path) for each in live} >= PUBLIC,
        "every declared public route in the live contract",
        f"missing: {sorted(PUBLIC - {(each.method, each.path) for each in live})}",
    )
    credentials = bad_credentials(session.tokens)
    tried = set()
    with exercise.cases(at_least=FEWEST_GUARDED * len(credentials)) as cases:
        for operation in guarded:
            for name, (headers, query) in credentials.items():
                with cases(f"{name}: {operation}"):
                    answer = _call(exercise, operation, asset.id, headers, query)
                    tried.add((operation.method, operation.path))
                    _require_refused(answer, f"{operation} with {name}")
        with cases("nothing was changed"):
            now = session.asset(asset.id)
            require(now == asset, f"the asset as it was: {asset}", f"{now}")
        with cases("the genuine token works"):
            _require_accepted(session, asset.id)
    uncovered = {(each.method, each.path) for each in guarded} - tried
    require(not uncovered, "zero routes uncovered", f"{sorted(uncovered)}")


def bad_credentials(tokens: Tokens) -> dict[str, tuple[dict[str, str], str]]:
    """Return name -> headers and query string of every kind of credential that must not open anything."""
    head, body, signature = tokens.access_token.split(".")
    claims = json.loads(_unbase64(body))
    longer = _base64(json.dumps({**claims, "exp": int(claims.get("exp", 0)) + 86_400}).encode())
    expired = _base64(json.dumps({**claims, "exp": 1, "iat": 0, "nbf": 0}).encode())
    unsigned = _base64(json.dumps({"alg": "none", "typ": "JWT"}).encode())
    flipped = ("B" if signature[0] == "A" else "A") + signature[1:]
    foreign = _base64(uuid.uuid4().bytes + uuid.uuid4().bytes)

    def bearer(token: str) -> tuple[dict[str, str], str]:
        return {"Authorization": f"Bearer {token}"}, ""

    return {
        "no credentials": ({}, ""),
        "an empty token": ({"Authorization": "Bearer"}, ""),
        "a garbage token": bearer("garbage"),
        "a garbage token of three parts": bearer("gar.ba.ge"),
        "another scheme": ({"Authorization": f"Basic {_base64(b'trial:trial')}"}, ""),
        "the genuine token under another scheme": ({"Authorization": f"Token {tokens.access_token}"}, ""),
        "the genuine token in the query": ({}, f"access_token={tokens.access_token}"),
        "a token with algorithm none": bearer(f"{unsigned}.{body}."),
        "a token with a foreign signature": bearer(f"{head}.{body}.{foreign}"),
        "a token with a changed signature": bearer(f"{head}.{body}.{flipped}"),
        "a token with prolonged claims": bearer(f"{head}.{longer}.{signature}"),
        "an expired-looking token": bearer(f"{head}.{expired}.{signature}"),
        "a refresh token": bearer(tokens.refresh_token),
    }


def _call(exercise: Exercise, operation: Operation, asset_id: str, headers: dict[str, str], query: str) -> HttpAnswer:
    url = f"api:{operation.url({'asset_id': asset_id})}" + (f"?{query}" if query else "")
    return exercise.http.request(operation.method, url, json=body_for(operation), headers=headers, timeout_s=10.0)


def _require_refused(answer: HttpAnswer, what: str) -> None:
    require(answer.status == 401, f"401 for {what}", answer.error or f"{answer.status} {answer.text[:200]}")
    require(
        "bearer" in answer.headers.get("www-authenticate", "").lower(), f"a challenge for {what}", dict(answer.headers)
    )
    kind = answer.headers.get("content-type", "").partition(";")[0]
    require(kind == "application/problem+json", f"a problem document for {what}", kind)


def _require_accepted(session: Session, asset_id: str) -> None:
    answer = session.call("GET", f"/v1/assets/{asset_id}")
    require(answer.status == 200, "200 for the genuine token", f"{answer.status} {answer.text[:200]}")


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _unbase64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
