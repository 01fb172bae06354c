"""Who may call what: every route of the live contract, with every kind of bad credential."""

import base64
import json
import re
import uuid
from collections.abc import Mapping

from seatrial import BLOCKER, Exercise, check, require
from seatrial.probes.http import HttpAnswer
from suites.client import Asset, Session, Tokens, ready_asset, remove, signed_in
from suites.client.contract import Operation, body_for, operations
from suites.security._browser import PAGE, Browser, routes, signed_in_browser

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
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
ACCESS, REFRESH = "__Host-access", "__Host-refresh"
PUBLIC_PAGES = frozenset({("GET", "/sign-in"), ("POST", "/sign-in"), ("POST", "/sign-out")})
GUARDED_PAGES = frozenset(
    {
        ("GET", "/"),
        ("GET", "/upload"),
        ("POST", "/upload"),
        ("GET", "/assets/{id}"),
        ("GET", "/assets/{id}/events"),
        ("POST", "/assets/{id}/complete"),
        ("POST", "/assets/{id}/rename"),
        ("POST", "/assets/{id}/promote"),
        ("POST", "/assets/{id}/delete"),
        ("POST", "/assets/{id}/playback"),
    }
)


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
    The frontend's routes are those that its pages and scripts name, read as a signed-in reader; they must be the reviewed
    ones. Each guarded one is called without cookies, with each bad token as the cookie, and with the genuine token where
    it does not belong. A page must lead to the sign-in, anything else be 401; no answer may name the asset or set a token.
    Afterwards the assets are unchanged, and the genuine token and the genuine cookies still work.

    Not covered: what one signed-in user may do to another's assets (SEC-ACL-02), deeper attacks on tokens
    (SEC-AUTH-02), routes outside of the document (DEP-API-01) and frontend routes that nothing names.
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
    browser = signed_in_browser(exercise)
    announced = session.create(f"{exercise.marker} announced", b"x").asset
    exercise.cleanup(remove, session, announced.id)
    pages = _pages(browser, asset, announced)
    exercise.evidence("pages", sorted(f"{method} {path}" for method, path, _ in pages))
    cookies = bad_cookies(credentials, browser.cookies)
    fewest = FEWEST_GUARDED * len(credentials) + len(GUARDED_PAGES) * len(cookies)
    with exercise.cases(at_least=fewest) as cases:
        with cases("every route of the frontend is reviewed"):
            named = {(method, path) for method, path, _ in pages}
            seen = {"new": sorted(named - PUBLIC_PAGES - GUARDED_PAGES), "gone": sorted(GUARDED_PAGES - named)}
            require(named >= GUARDED_PAGES and not seen["new"], "the reviewed routes", seen, "frontend")
        for method, shape, path in pages:
            if (method, shape) not in PUBLIC_PAGES:
                for name, (headers, query) in cookies.items():
                    with cases(f"{name}: {method} {shape}"):
                        answer = _visit(browser, method, f"{path}?{query}" if query else path, headers)
                        if answer.status == 201 and shape == "/upload":
                            exercise.cleanup(remove, session, answer.json()["asset"]["id"])
                        _require_sent_away(answer, f"{method} {shape} with {name}", (asset, announced))
        for operation in guarded:
            for name, (headers, query) in credentials.items():
                with cases(f"{name}: {operation}"):
                    answer = _call(exercise, operation, asset.id, headers, query)
                    tried.add((operation.method, operation.path))
                    _require_refused(answer, f"{operation} with {name}")
        with cases("nothing was changed"):
            now = session.asset(asset.id)
            require(now == asset, f"the asset as it was: {asset}", f"{now}")
            now = session.asset(announced.id)
            require(now == announced, f"the asset as it was: {announced}", f"{now}")
        with cases("the genuine token works"):
            _require_accepted(session, asset.id)
        with cases("the genuine cookies work"):
            answer = browser.send("GET", f"/assets/{asset.id}", headers=PAGE)
            require(answer.status == 200, "200 for the genuine cookies", answer.error or answer.status, "frontend")
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


def bad_cookies(
    credentials: dict[str, tuple[dict[str, str], str]], genuine: Mapping[str, str]
) -> dict[str, tuple[dict[str, str], str]]:
    """Return name -> headers and query string of every cookie, or lack of one, that must not open a page."""
    access = genuine.get(ACCESS, "")
    tokens = {
        name: headers["Authorization"].removeprefix("Bearer ")
        for name, (headers, _) in credentials.items()
        if headers.get("Authorization", "").startswith("Bearer ")
    }
    return {
        "no cookies": ({}, ""),
        "an empty cookie": ({"Cookie": f"{ACCESS}="}, ""),
        **{f"{name} as the cookie": ({"Cookie": f"{ACCESS}={token}"}, "") for name, token in tokens.items()},
        "garbage for both cookies": ({"Cookie": f"{ACCESS}=garbage; {REFRESH}=garbage"}, ""),
        "the genuine cookies, exchanged": ({"Cookie": f"{REFRESH}={access}"}, ""),
        "the genuine cookie under a name that any host may set": (
            {"Cookie": f"{ACCESS.removeprefix('__Host-')}={access}"},
            "",
        ),
        "the genuine token as a header": ({"Authorization": f"Bearer {access}"}, ""),
        "the genuine token in the query": ({}, f"access_token={access}"),
    }


def _pages(browser: Browser, *assets: Asset) -> list[tuple[str, str, str]]:
    """Return method, shape and path of every route that the frontend's pages and scripts name."""
    found: dict[tuple[str, str], str] = {}
    for method, path in routes(browser, *(asset.id for asset in assets)):
        shape = UUID.sub("{id}", path)
        others = UUID.search(path) and not any(asset.id in path for asset in assets)  # what else the account has
        if not others:
            found.setdefault((method, shape), path)
    return [(method, shape, path) for (method, shape), path in found.items()]


def _visit(browser: Browser, method: str, path: str, headers: Mapping[str, str]) -> HttpAnswer:
    """Send what the route takes, as a page of ours would, with these headers in the place of the reader's cookies."""
    sent = {"Origin": browser.origin, **headers}
    data: str | dict[str, str] | None = {"title": "taken"} if method == "POST" else None
    if path.partition("?")[0] == "/upload" and method == "POST":
        data = json.dumps(
            {"title": "taken", "filename": "a.mp4", "content_type": "video/mp4", "size_bytes": 1, "sha256": "0" * 64}
        )
        sent["Content-Type"] = "application/json"
    elif method == "GET" and not path.partition("?")[0].endswith("/events"):
        sent |= PAGE
    return Browser(browser.exercise, {}).send(method, path, data=data, headers=sent)


def _require_sent_away(answer: HttpAnswer, what: str, assets: tuple[Asset, ...]) -> None:
    seen = answer.error or f"{answer.status} {answer.headers.get('location', '')} {answer.text[:160]}"
    to_sign_in = answer.status == 303 and answer.headers.get("location", "").startswith("/sign-in")
    require(to_sign_in or answer.status == 401, f"a refusal of {what}", seen, "frontend")
    told = [asset.title for asset in assets if asset.title in answer.text]
    require(not told, f"nothing of an asset in {what}", told, "frontend")
    given = [
        each.partition("=")[0] for each in answer.headers.get_list("set-cookie") if not re.match(r'[^=]+=("")?;', each)
    ]
    require(not given, f"no cookie set by {what}", given, "frontend")


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
