"""What browsers are told: headers that keep pages to themselves, cookies, and who may read across origins."""

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import urlsplit

from seatrial import BLOCKER, MAJOR, Exercise, Invalid, Observe, check, require
from seatrial.probes.http import HttpAnswer
from suites.client import Asset, Session, doors, ready_asset, signed_in
from suites.security._browser import Browser, cookies_of, let_in, signed_in_browser

PAGE = {"Accept": "text/html"}
# Values that tell another site no more than the origin (W3C Referrer Policy, section 3).
REFERRERS = frozenset({"no-referrer", "same-origin", "strict-origin", "strict-origin-when-cross-origin"})
FEATURES = ("camera", "geolocation", "microphone")
# Sources that let injected text run, or load from anywhere: these words, a whole scheme, a wildcard in any place.
OPEN_SOURCE = re.compile(r"'unsafe-(inline|eval|hashes)'|[a-z][a-z0-9+.-]*:|.*\*.*", re.IGNORECASE)
# What loads code, and where a browser looks for what a policy does not say of it (CSP3, "Get fetch directive fallback list").
CODE = {
    "script-src": ("default-src",),
    "script-src-elem": ("script-src", "default-src"),
    "script-src-attr": ("script-src", "default-src"),
    "style-src": ("default-src",),
    "style-src-elem": ("style-src", "default-src"),
    "style-src-attr": ("style-src", "default-src"),
    "object-src": ("default-src",),
}
REFRESH = "__Host-refresh"
AT_ONCE = 6
CLOCK_S = 2.0  # what the clocks of the harness and of the edge may differ by
FEWEST_ANSWERS = 25


@dataclass(frozen=True)
class Seen:
    """One answer.

    Attributes:
        private: it holds what is one reader's alone.
        page: a browser shows it.
        lives_s: what a signed link opened lives this long yet; None for what no link opened.
    """

    name: str
    where: str
    answer: HttpAnswer
    status: int
    private: bool = False
    page: bool = False
    lives_s: float | None = None


@check("SEC-HTTP-01", severity=MAJOR, component="frontend")
def test_browsers_are_told_to_be_strict(exercise: Exercise) -> None:
    """Every answer has its security headers, private ones are never stored, cookies are closed to scripts and sites.

    Why it matters: these headers are the second lock when the first one (escaping, tokens) fails: an injected script
    does not run, a frame does not open, a shared computer keeps nothing. One error page without them is enough.

    How it is measured: by signing in at the frontend as a browser does, and reading pages, errors, redirects, static
    files and probes of the frontend, and good and bad answers of the API and the edge. Each must have exactly one
    Content-Security-Policy without unsafe-inline, unsafe-eval, wildcards or whole schemes for scripts, styles (their
    elements and attributes, too) and objects, of a repeated directive the first, with frame-ancestors and, on pages, base-uri and form-action; nosniff; a Referrer-Policy that tells no
    paths; a Permissions-Policy that denies camera, geolocation and microphone. What is one reader's alone must be
    `no-store`, what a signed link opened `private` and fresh for no longer than the link lives. Every Set-Cookie, of
    sign-in and sign-out, must be Secure, HttpOnly, SameSite Lax or Strict, for this host alone, and those of sign-in must
    open nothing once they were signed out. Pages must hold no inline script, style or handler.

    Not covered: whether a browser obeys; answers that the ingress makes itself; the object store's host; HSTS
    (SEC-TLS-04).
    """
    session = signed_in(exercise)
    asset = ready_asset(exercise, session)
    seen = [*_of_frontend(exercise, asset), *_of_api(exercise, session, asset), *_of_edge(exercise, session, asset)]
    cookies = 0
    with exercise.cases(at_least=FEWEST_ANSWERS) as cases:
        for each in seen:
            with cases(each.name):
                said = each.answer.error or f"{each.answer.status} {each.answer.text[:120]}"
                require(each.answer.status == each.status, f"{each.status} for {each.name}", said, each.where)
                _require_headers(each)
            for number, cookie in enumerate(each.answer.headers.get_list("set-cookie")):
                cookies += 1
                with cases(f"cookie {number} of {each.name}"):
                    _require_closed_cookie(cookie, each)
        with cases("cookies were set"):
            given, taken = (_cookie_names(seen, name) for name in ("signing in", "signing out"))
            require(len(given) >= 2, "two cookies set by sign-in", sorted(given))
            require(taken == given, "two removed by sign-out: all that sign-in set", sorted(taken))
        with cases("a session whose access cookie has ended"):
            _require_renewed(exercise, asset)
    exercise.evidence("answers", {each.name: each.answer.status for each in seen})
    exercise.evidence("cookies", cookies)


def _cookie_names(seen: list[Seen], name: str) -> set[str]:
    answers = [each.answer for each in seen if each.name == name]
    return {each.partition("=")[0] for answer in answers for each in answer.headers.get_list("set-cookie")}


def _require_renewed(exercise: Exercise, asset: Asset) -> None:
    door = next((via for via in doors(exercise, "frontend").values() if via), None)
    later = Browser(exercise, {REFRESH: signed_in_browser(exercise).cookies[REFRESH]}, door)
    paths = ["/", f"/assets/{asset.id}"] * (AT_ONCE // 2) if door else ["/"]
    with ThreadPoolExecutor(len(paths)) as threads:
        answers = list(threads.map(lambda path: later.send("GET", path, headers=PAGE), paths))
    seen = [answer.error or answer.status for answer in answers]
    require(seen == [200] * len(paths), f"{len(paths)} pages at once by the refresh cookie alone", seen, "frontend")
    jars = [cookies_of(answer) for answer in answers]
    pairs = {tuple(sorted((name, morsel.value) for name, morsel in jar.items())) for jar in jars}
    require(len(pairs) == 1, "one new pair of cookies for all of them", f"{len(pairs)} pairs", "frontend")
    renewed = let_in(exercise, answers[0])
    require(renewed.cookies.keys() > later.cookies.keys(), "both cookies anew", sorted(renewed.cookies), "frontend")
    answer = renewed.send("GET", "/", headers=PAGE)
    require(answer.status == 200, "200 for the new cookies", answer.error or answer.status, "frontend")
    wanted_s, kept_s = float(exercise.target("session_s")), jars[0][REFRESH]["max-age"]
    keeps = kept_s.isdigit() and int(kept_s) >= wanted_s - CLOCK_S
    require(keeps, f"a refresh cookie that is kept for {wanted_s:.0f} s", kept_s or "no Max-Age", "frontend")


def _of_frontend(exercise: Exercise, asset: Asset) -> Iterator[Seen]:
    email, password = exercise.account
    http, origin = exercise.http, {"Origin": exercise.profile.urls["app"]}
    wrong = {"email": f"{exercise.marker}@example.test", "password": "wrong", "next": "/"}
    right = {"email": email, "password": password, "next": "/"}
    signing_in = http.request("POST", "app:/sign-in", data=right, headers={**origin, **PAGE})
    cookies = let_in(exercise, signing_in).cookies
    cookie = {"Cookie": "; ".join(f"{name}={value}" for name, value in cookies.items())}
    mine = {**cookie, **PAGE}
    home = http.get("app:/sign-in", headers=PAGE)
    static = re.findall(r'(?:href|src)="(/static/[^"]+)"', home.text)
    if home.status == 200 and not static:
        raise Invalid("the sign-in page names no static file, so that none can be read")
    yield Seen("signing in", "frontend", signing_in, 303, private=True)
    yield Seen("the sign-in page", "frontend", home, 200, page=True)
    yield Seen("a list without a session", "frontend", http.get("app:/", headers=PAGE), 303, private=True)
    refused = http.request("POST", "app:/sign-in", data=wrong, headers={**origin, **PAGE})
    yield Seen("a refused sign-in", "frontend", refused, 401, private=True, page=True)
    for name, path in (("the list", "/"), ("the upload page", "/upload"), ("an asset", f"/assets/{asset.id}")):
        yield Seen(
            f"{name}, signed in", "frontend", http.get(f"app:{path}", headers=mine), 200, private=True, page=True
        )
    missing = http.get("app:/no-such-page", headers=mine)
    yield Seen("a page that is not there", "frontend", missing, 404, page=True)
    yield Seen("a problem document", "frontend", http.get("app:/no-such-page"), 404)
    yield Seen("a wrong method", "frontend", http.request("PUT", "app:/sign-in", headers={**origin, **PAGE}), 405)
    foreign = http.request("POST", "app:/sign-out", headers={"Origin": "https://attacker.example", **cookie})
    yield Seen("a form of another site", "frontend", foreign, 403)
    for path in static:
        yield Seen(f"static {path.rpartition('.')[2]}", "frontend", http.get(f"app:{path}"), 200)
    yield Seen("a probe", "frontend", http.get("app:/livez"), 200)
    signing_out = http.request("POST", "app:/sign-out", headers={**origin, **mine})
    yield Seen("signing out", "frontend", signing_out, 303, private=True)
    kept = http.get("app:/", headers=mine)
    yield Seen("the list with cookies from before signing out", "frontend", kept, 303, private=True)


def _of_api(exercise: Exercise, session: Session, asset: Asset) -> Iterator[Seen]:
    http, wrong = exercise.http, {"email": f"{exercise.marker}@example.test", "password": "wrong"}
    again = session.again()
    old = again.tokens.refresh_token
    refreshed = http.post("api:/v1/sessions/refresh", json={"refresh_token": old})
    again.tokens = type(again.tokens).from_json(refreshed.json())
    yield Seen("a refresh", "api", refreshed, 200, private=True)
    yield Seen("a refused refresh", "api", http.post("api:/v1/sessions/refresh", json={"refresh_token": old}), 401)
    yield Seen("a refused sign-in by API", "api", http.post("api:/v1/sessions", json=wrong), 401, private=True)
    path = f"/v1/assets/{asset.id}"
    yield Seen("the assets", "api", session.call("GET", "/v1/assets"), 200, private=True)
    yield Seen("one asset", "api", session.call("GET", path), 200, private=True)
    link = session.call("POST", f"{path}/playback", json={"variant": "preview"})
    yield Seen("a playback link", "api", link, 201, private=True)
    unclear = session.call("POST", f"{path}/playback", json={"variant": 1})
    yield Seen("a body that does not fit", "api", unclear, 422, private=True)
    yield Seen("assets without a token", "api", http.get("api:/v1/assets"), 401)
    yield Seen("an unknown path", "api", http.get("api:/v1/no-such-path"), 404)
    yield Seen("a wrong method of the api", "api", http.request("PUT", "api:/v1/assets"), 405)
    yield Seen("the contract", "api", http.get("api:/openapi.json"), 200)
    yield Seen("a probe of the api", "api", http.get("api:/livez"), 200)


def _of_edge(exercise: Exercise, session: Session, asset: Asset) -> Iterator[Seen]:
    http, link = exercise.http, session.playback(asset.id)
    url, lives_s = link.url, (link.expires_at - datetime.now(UTC)).total_seconds()
    whole = http.get(url)
    yield Seen("an object", "edge", whole, 200, lives_s=lives_s)
    yield Seen("a part of an object", "edge", http.get(url, headers={"Range": "bytes=0-99"}), 206, lives_s=lives_s)
    same = {"If-None-Match": whole.headers.get("etag", "")}
    yield Seen("an object that has not changed", "edge", http.get(url, headers=same), 304, lives_s=lives_s)
    yield Seen("an impossible part", "edge", http.get(url, headers={"Range": "bytes=99999999-"}), 416)
    yield Seen("a refused link", "edge", http.get(f"{url}x"), 403, private=True)
    yield Seen("an unknown path of the edge", "edge", http.get("play:/no-such-path"), 404)
    yield Seen("a wrong method of the edge", "edge", http.request("PUT", url), 405)
    yield Seen("a probe of the edge", "edge", http.get("play:/livez"), 200)


def _require_headers(each: Seen) -> None:
    name, where = each.name, each.where
    policy = _policy(_one(each, "content-security-policy"))
    for kind, others in CODE.items():
        sources = next((policy[directive] for directive in (kind, *others) if directive in policy), None)
        require(sources is not None, f"a Content-Security-Policy with {kind} or default-src on {name}", policy, where)
        loose = [source for source in sources or () if OPEN_SOURCE.fullmatch(source)]
        require(not loose, f"a {kind} without unsafe words, wildcards and whole schemes on {name}", loose, where)
    frames = policy.get("frame-ancestors")
    require(frames in (["'none'"], ["'self'"]), f"frame-ancestors 'none' or 'self' on {name}", frames, where)
    if each.page:
        for directive in ("base-uri", "form-action"):
            require(policy.get(directive) in (["'none'"], ["'self'"]), f"a closed {directive} on {name}", policy, where)
        inline = re.findall(
            r"<script(?![^>]*\ssrc=)[^>]*>|<style\b|\son[a-z]+\s*=|\sstyle\s*=|javascript:", each.answer.text
        )
        require(not inline, f"no inline script or style in {name}", inline[:3], where)
    sniff = _one(each, "x-content-type-options")
    require(sniff.lower() == "nosniff", f"nosniff on {name}", sniff, where)
    referrer = _one(each, "referrer-policy")
    require(referrer in REFERRERS, f"a Referrer-Policy that tells no paths on {name}", referrer, where)
    features = _one(each, "permissions-policy").replace(" ", "").split(",")
    denied = all(f"{feature}=()" in features for feature in FEATURES)
    require(denied, f"a Permissions-Policy that denies {', '.join(FEATURES)} on {name}", features, where)
    caching = {part.strip().lower() for part in each.answer.headers.get("cache-control", "").split(",")}
    if each.private:
        require("no-store" in caching, f"Cache-Control: no-store on {name}", sorted(caching), where)
    elif each.lives_s is not None:
        require(bool({"private", "no-store"} & caching), f"Cache-Control: private on {name}", sorted(caching), where)
        ages = [int(age) for age in re.findall(r"\bmax-age=(\d+)", str(caching))]
        within = bool(ages) and max(ages) <= each.lives_s + CLOCK_S
        require(within or "no-store" in caching, f"a max-age within the link's life on {name}", sorted(caching), where)


def _policy(text: str) -> dict[str, list[str]]:
    """Read a policy as a browser does: of a directive that is repeated the first counts."""
    policy: dict[str, list[str]] = {}
    for words in (part.split() for part in text.split(";")):
        if words:
            policy.setdefault(words[0].lower(), words[1:])
    return policy


def _one(each: Seen, header: str) -> str:
    sent = each.answer.headers.get_list(header)
    require(len(sent) == 1, f"one {header} on {each.name}", sent or "none", each.where)
    return sent[0]


def _require_closed_cookie(cookie: str, each: Seen) -> None:
    name = cookie.partition("=")[0]
    words = {
        key.strip().lower(): value.strip().lower()
        for key, _, value in (part.partition("=") for part in cookie.split(";"))
    }
    for attribute in ("secure", "httponly"):
        require(attribute in words, f"{attribute} on the cookie {name} of {each.name}", sorted(words), each.where)
    site = words.get("samesite")
    require(site in {"lax", "strict"}, f"SameSite Lax or Strict on the cookie {name} of {each.name}", site, each.where)
    require("domain" not in words, f"no Domain on the cookie {name} of {each.name}", words.get("domain"), each.where)
    require(words.get("path") == "/", f"Path=/ on the cookie {name} of {each.name}", words.get("path"), each.where)


@check("SEC-HTTP-02", severity=BLOCKER, component="ingress")
def test_only_the_app_reads_across_origins(observe: Observe) -> None:
    """CORS allows only the declared origin; null, suffix and prefix tricks are refused; no wildcard with credentials.

    Why it matters: a server that reflects the Origin header lets every page that a reader visits use his session. Most
    holes are not the wildcard but a comparison that a similar name passes (CWE-942; J. Kettle, "Exploiting CORS
    misconfigurations", 2016).

    How it is measured: the declared origin is urls.app of the profile. Preflights (PUT with a content type, GET with
    Authorization and credentials) and plain GETs are sent with that origin and with more than twenty others: null,
    prefixes, suffixes, subdomains, the other scheme and port, look-alike characters, lists, our other hosts. They go to
    a page, the API with its sign-in, the edge, and the store's upload bucket and its other buckets. No answer may name
    another origin than the declared one, a wildcard, or null; none may allow credentials to it. What names the declared
    origin must vary by Origin. The upload's preflight must be allowed to the declared origin, or uploads do not work.

    Not covered: WebSockets and other channels that CORS does not govern; whether the browser obeys.
    """
    declared = observe.profile.urls["app"]
    named: dict[str, int] = {}
    places = list(_places(observe))
    strangers = _strangers(observe)
    with observe.cases(at_least=20 * len(places)) as cases:
        for name, url in places:
            for origin in (declared, *strangers):
                with cases(f"{origin} at {name}"):
                    for answer in _asked(observe, url, origin):
                        _require_closed(answer, declared, origin, name)
                        named[name] = named.get(name, 0) + ("access-control-allow-origin" in answer.headers)
        with cases("the upload of the declared origin"):
            _require_upload(observe, declared)
    observe.evidence("answers that allowed an origin", named)
    observe.evidence("other origins", list(strangers))


def _places(observe: Observe) -> Iterator[tuple[str, str]]:
    yield "the sign-in page", "app:/sign-in"
    yield "the list page", "app:/"
    yield "the api", "api:/v1/assets"
    yield "the api's sign-in", "api:/v1/sessions"
    yield "the api's contract", "api:/openapi.json"
    yield "the edge", "play:/v/0e3f1c52-7a52-4d43-9c1f-3a2b1c0d9e8f/preview"
    yield "the edge's probe", "play:/livez"
    place = observe.profile.s3
    if place is not None:
        for role, bucket in place.buckets.items():
            yield f"the {role} bucket", f"s3:/{bucket}/uploads/seatrial"


def _strangers(observe: Observe) -> tuple[str, ...]:
    declared = observe.profile.urls["app"]
    parts = urlsplit(declared)
    host, port = parts.hostname or "", f":{parts.port}" if parts.port else ""
    first, _, rest = host.partition(".")
    return (
        "null",
        "https://attacker.example",
        f"{declared}.attacker.example",
        f"https://{host}.attacker.example{port}",
        f"https://{host}{port}@attacker.example",
        f"https://attacker.example/{declared}",
        f"https://attacker.example?{host}",
        f"https://attacker.example#{host}",
        f"https://attacker{host}{port}",
        f"https://attacker-{host}{port}",
        f"https://attacker.{host}{port}",
        f"https://{rest}{port}",
        f"https://{first}x{rest}{port}",
        f"https://{host.replace('.', 'x', 1)}{port}",
        f"https://{host}_.attacker.example",
        f"https://{host}%60.attacker.example",
        f"https://{host}.{port}",
        f"http://{host}{port}",
        f"https://{host}:{(parts.port or 443) + 1}",
        f"https://{host}{port}{'0' if port else ':8443'}",
        f"{declared}/",
        f"{declared} https://attacker.example",
        f"https://attacker.example, {declared}",
        f"{declared},https://attacker.example",
        f"https://{first}",
        "https://localhost",
        "http://127.0.0.1",
        "file://",
        "*",
        *(observe.profile.urls[name] for name in ("api", "play", "s3") if observe.profile.urls.get(name) != declared),
    )


def _asked(observe: Observe, url: str, origin: str) -> Iterator[HttpAnswer]:
    preflight = {"Access-Control-Request-Method": "PUT", "Access-Control-Request-Headers": "content-type"}
    yield observe.http.options(url, headers={"Origin": origin, **preflight})
    reading = {"Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "authorization"}
    yield observe.http.options(url, headers={"Origin": origin, **reading})
    yield observe.http.get(url, headers={"Origin": origin, "Cookie": "seatrial=1"})


def _require_closed(answer: HttpAnswer, declared: str, origin: str, place: str) -> None:
    require(answer.status is not None, f"an answer for {origin} at {place}", answer.error, place)
    allowed = answer.headers.get_list("access-control-allow-origin")
    if not allowed:
        return
    what = f"{answer.method} from {origin}"
    require(allowed == [declared], f"no origin but {declared} allowed at {place}", f"{allowed} for {what}", place)
    require(origin == declared, f"no CORS for another origin at {place}", f"{allowed} for {what}", place)
    credentials = answer.headers.get("access-control-allow-credentials", "")
    require(credentials != "true", f"no credentials across origins at {place}", f"{credentials} for {what}", place)
    varies = {each.strip().lower() for each in answer.headers.get("vary", "").split(",")}
    require("origin" in varies, f"Vary: Origin beside an allowed origin at {place}", sorted(varies), place)


def _require_upload(observe: Observe, declared: str) -> None:
    answer = next(iter(_asked(observe, _upload_url(observe), declared)))
    allowed, methods = (answer.headers.get(f"access-control-allow-{name}", "") for name in ("origin", "methods"))
    require(answer.status in {200, 204}, "200 or 204 for the upload's preflight", f"{answer.status}", "s3")
    require(allowed == declared, f"{declared} allowed for the upload's preflight", allowed or "no origin", "s3")
    require("PUT" in methods, "PUT allowed for uploads", methods or "no method", "s3")


def _upload_url(observe: Observe) -> str:
    return dict(_places(observe))["the staging bucket"]
