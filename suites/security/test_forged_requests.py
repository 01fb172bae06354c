"""What strangers can make us do by a crafted path, host, link or form."""

from collections.abc import Iterator
from urllib.parse import quote, urlsplit

from seatrial import BLOCKER, Exercise, Observe, check, require
from seatrial.cases import Cases
from seatrial.probes.http import HttpAnswer
from suites.client import Asset, Session, instances, ready_asset, signed_in
from suites.client.instances import HOSTS
from suites.security import _tricks
from suites.security._browser import PAGE, Browser, lands_at, let_in, signed_in_browser, unsafe_routes

# Reviewed here, and compared with what pages, scripts and the server name: a route that is new must be looked at.
COOKIE_ROUTES = {
    "/sign-in",
    "/sign-out",
    "/upload",
    "/assets/{id}/complete",
    "/assets/{id}/rename",
    "/assets/{id}/promote",
    "/assets/{id}/delete",
    "/assets/{id}/playback",
}
FEWEST_CASES = 1000
_REFUSED = frozenset({301, 302, 303, 307, 308, 400, 401, 403, 404, 405, 411, 414, 421, 431, 501})


@check("SEC-HTTP-05", severity=BLOCKER, component="frontend")
def test_strangers_cannot_steer_requests(exercise: Exercise) -> None:
    """No path leaves its folder, no host but ours is believed, no link leads away, no other site's form is obeyed.

    Why it matters: each of these takes one line that was forgotten, and each gives a stranger what only its owner may
    have: files of the machine (CVE-2021-41773), a password sent to another host, a page of ours that leads to his, or a
    reader's own cookies at work for somebody else (CWE-22, CWE-348, CWE-601, CWE-352).

    How it is measured: at the public hosts and straight at every instance. Paths: fourteen spellings of "one up", and
    absolute ones, behind the static files, the pages, the API's assets, the edge's links and the store's buckets; no
    answer may carry a file of the machine, our own source or an object, and hostile file names must not move an upload's
    key. Hosts: thirteen ways to claim another host, on redirects, errors, links and uploads; the other host must stand
    nowhere in the answer. Links: more than forty `next` values, in the query of a reader who is signed in, in the form,
    and as a path; where each leads is worked out as browsers do, and must be our own site. Forms: the routes that change
    something are collected from pages, scripts and the server's own Allow and must be the reviewed list; each gets, with
    the reader's cookies, more than thirty requests of other sites (origins, referers, fetch metadata, body types,
    overridden methods) and must refuse them all with 403, 404 or 405. Afterwards the asset must be what it was, the session
    alive, and our own forms must work: one renames the asset, one deletes it and leads to the list. Cookies alone must
    open nothing at the API.

    Not covered: routes that no page, script or answer names; whether a browser obeys SameSite (SEC-HTTP-01 reads the
    attribute); what a link opens (SEC-HMAC-04).
    """
    session = signed_in(exercise)
    asset = ready_asset(exercise, session)
    browser = signed_in_browser(exercise)
    with exercise.cases(at_least=FEWEST_CASES) as cases:
        _climb(exercise, cases, session, asset)
        _claim_hosts(exercise, cases, browser, session, asset)
        _lead_away(cases, browser)
        _forge(exercise, cases, browser, session, asset)


def doors(observe: Observe, service: str) -> dict[str, str | None]:
    """Return the ways to a service: the public host, and each instance at its private address."""
    return {f"public {service}": None} | {each.name: each.via for each in instances(observe, service) if each.via}


def _climb(exercise: Exercise, cases: Cases, session: Session, asset: Asset) -> None:
    source = {"static_files.py": "starlette"}
    starts: dict[str, dict[str, dict[str, str]]] = {
        "frontend": {"/static/": source, "/": {}, "/assets/": {}},
        "api": {"/v1/assets/": {}, "/": {}},
        "edge": {f"/v/{asset.id}/": {}, "/": {}},
    }
    for service, below in starts.items():
        for door, via in doors(exercise, service).items():
            for start, neighbours in below.items():
                for climb in _tricks.climbs(start, neighbours):
                    with cases(f"{climb.name} behind {start} at {door}"):
                        answer = exercise.http.get(exercise.profile.urls[HOSTS[service]] + climb.path, via=via)
                        _require_no_file(answer, climb, door)
    _climb_in_the_store(exercise, cases, asset)
    _name_files(exercise, cases, session)


def _require_no_file(answer: HttpAnswer, climb: _tricks.Climb, door: str) -> None:
    what = f"no file for {climb.name}"
    require(climb.telltale not in answer.text, what, f"{answer.status} with {climb.telltale!r}", door)
    require(answer.status in _REFUSED, f"a refusal for {climb.name}", _said(answer), door)


def _climb_in_the_store(exercise: Exercise, cases: Cases, asset: Asset) -> None:
    """Ask the store's public host without a key for an object that is there, by every other way to write its path."""
    content = exercise.s3.get("previews", f"previews/{asset.id}/preview.mp4")
    require(content.ok and content.body, "the stored preview", str(content), "s3")
    bucket, staging = exercise.s3.bucket("previews"), exercise.s3.bucket("staging")
    key = f"{bucket}/previews/{asset.id}/preview.mp4"
    paths = {"plainly": f"/{key}", "by the file system": f"/buckets/{key}", "a double slash": f"//{key}"}
    paths |= {f"through another bucket, {name}": f"/{staging}/{up}{key}" for name, up in _tricks.UPS.items()}
    paths |= {
        f"through itself, {name}": f"/{bucket}/x/{up}previews/{asset.id}/preview.mp4"
        for name, up in _tricks.UPS.items()
    }
    for name, path in paths.items():
        with cases(f"the store, {name}"):
            answer = exercise.http.get(exercise.profile.urls["s3"] + path)
            require(content.body not in answer.body, f"no object from the store, {name}", _said(answer), "s3")
            require(answer.status in _REFUSED, f"a refusal of the store, {name}", _said(answer), "s3")


def _name_files(exercise: Exercise, cases: Cases, session: Session) -> None:
    """Announce files whose names climb: the place to upload to must be the asset's own and nothing of the name."""
    for name, up in _tricks.UPS.items():
        with cases(f"an upload whose file name has {name}"):
            created = session.create(f"{exercise.marker} {name}", b"x", filename=f"{up}{up}masters/x.mp4")
            exercise.cleanup(session.remove, created.asset.id)
            path = urlsplit(created.upload.url if created.upload and created.upload.url else "").path
            wanted = f"/{exercise.s3.bucket('staging')}/uploads/{created.asset.id}"
            require(path == wanted, f"the key {wanted} for a file name with {name}", path, "api")


def _claim_hosts(exercise: Exercise, cases: Cases, browser: Browser, session: Session, asset: Asset) -> None:
    for service in ("frontend", "api", "edge"):
        own = urlsplit(exercise.profile.urls[HOSTS[service]]).netloc
        for door, via in doors(exercise, service).items():
            for name, headers in _tricks.hosts(own):
                for what, answer in _answers(exercise, service, via, dict(headers), browser, session, asset):
                    with cases(f"{name}: {what} at {door}"):
                        _require_not_named(answer, f"{what} with {name}", door)


def _answers(
    exercise: Exercise,
    service: str,
    via: str | None,
    headers: dict[str, str],
    browser: Browser,
    session: Session,
    asset: Asset,
) -> Iterator[tuple[str, HttpAnswer]]:
    """Give what a service says where it names places: redirects, links, uploads, errors."""
    http = exercise.http
    match service:
        case "frontend":
            page = {**PAGE, **headers}
            for path in ("/upload/", "/sign-in?next=/upload"):
                yield f"GET {path}", browser.send("GET", path, headers=page, via=via)
            for path in ("/", "/assets"):
                yield f"GET {path} of a stranger", http.get(f"app:{path}", headers=page, via=via)
        case "api":
            mine = {"Authorization": f"Bearer {session.tokens.access_token}", **headers}
            path = f"api:/v1/assets/{asset.id}/playback"
            yield "a playback link", http.post(path, json={"variant": "preview"}, headers=mine, via=via)
            for path in ("/v1/assets/", "/openapi.json"):
                yield f"GET {path}", http.get(f"api:{path}", headers=mine, via=via)
        case _:
            for path in (f"/v/{asset.id}/preview", "/livez/"):
                yield f"GET {path.replace(asset.id, 'ID')}", http.get(f"play:{path}", headers=headers, via=via)


def _require_not_named(answer: HttpAnswer, what: str, door: str) -> None:
    require(answer.status is not None, f"an answer for {what}", answer.error, door)
    named = [f"{name}: {value}" for name, value in answer.headers.items() if _tricks.EVIL in value]
    require(not named, f"no header with the claimed host for {what}", named, door)
    require(_tricks.EVIL not in answer.text, f"no text with the claimed host for {what}", answer.text[:200], door)


def _lead_away(cases: Cases, browser: Browser) -> None:
    email, password = browser.exercise.account
    ours = {"Origin": browser.origin, **PAGE}
    form = {"email": email, "password": password}
    for door, via in doors(browser.exercise, "frontend").items():
        for index, goal in enumerate(_tricks.elsewhere(browser.origin)):
            shown = ascii(goal)
            with cases(f"next {shown} of a reader who is signed in at {door}"):
                path = f"/sign-in?next={quote(goal, safe='')}"
                _require_at_home(browser, browser.send("GET", path, headers=PAGE, via=via), shown, door)
            with cases(f"next {shown} in the page at {door}"):
                answer = browser.exercise.http.get(f"app:{path}", headers=PAGE, via=via)
                _require_plain_goal(browser, answer, shown, door)
            if index % 6 == 0:  # each of these opens a session and takes the password's time
                with cases(f"next {shown} in the form at {door}"):
                    stranger = Browser(browser.exercise, {}, via)
                    answer = stranger.send("POST", "/sign-in", data={**form, "next": goal}, headers=ours)
                    let_in(browser.exercise, answer)
                    _require_at_home(browser, answer, shown, door)
            if goal.startswith("/") and goal.isprintable():
                with cases(f"the path {shown} at {door}"):
                    answer = browser.exercise.http.get(
                        browser.origin + quote(goal, safe="/\\%@;"), headers=PAGE, via=via
                    )
                    _require_at_home(browser, answer, shown, door)


def _require_at_home(browser: Browser, answer: HttpAnswer, goal: str, door: str) -> None:
    require(
        "x-injected" not in answer.headers,
        f"no header of the caller's making for next {goal}",
        dict(answer.headers),
        door,
    )
    location = answer.headers.get("location", "/")
    origin = lands_at(browser.origin, location)
    require(
        origin == browser.origin,
        f"our own site behind next {goal}",
        f"{answer.status} to {location!a}: {origin}",
        door,
    )
    require(answer.status is not None and answer.status < 500, f"an answer for next {goal}", _said(answer), door)


def _require_plain_goal(browser: Browser, answer: HttpAnswer, goal: str, door: str) -> None:
    """Demand a path of ours in the field of the form, which carries the goal on."""
    require(answer.status == 200, f"the sign-in page for next {goal}", _said(answer), door)
    value = answer.text.partition('name="next"')[2].partition('value="')[2].partition('"')[0]
    origin = lands_at(browser.origin, value)
    require(value.startswith("/"), f"a path in the form for next {goal}", ascii(value), door)
    require(origin == browser.origin, f"our own site in the form for next {goal}", f"{value!a}: {origin}", door)


def _forge(exercise: Exercise, cases: Cases, browser: Browser, session: Session, asset: Asset) -> None:
    routes = list(unsafe_routes(browser, asset.id))
    found = {path.replace(asset.id, "{id}") for _, path in routes}
    exercise.evidence(
        "cookie-bearing routes", sorted(f"{method} {path.replace(asset.id, '{id}')}" for method, path in routes)
    )
    with cases("every route that changes something is reviewed"):
        require(found == COOKIE_ROUTES, f"the reviewed routes {sorted(COOKIE_ROUTES)}", sorted(found))
    sisters = {name: url for name, url in exercise.profile.urls.items() if name in {"api", "play", "s3"}}
    fields = {"title": "taken by another site", "next": "/", "email": "a@b", "password": "x"}
    for door, via in doors(exercise, "frontend").items():
        for method, path in routes:
            where = f"{method} {path.replace(asset.id, 'ID')} at {door}"
            for forged in _tricks.forged_origins(browser.origin, sisters):
                with cases(f"{forged.name}: {where}"):
                    answer = browser.send(method, path, data=fields, headers=dict(forged.headers), via=via)
                    require(answer.status == 403, f"403 for {forged.name}: {where}", _said(answer), door)
                    _require_no_cookie(answer, f"{forged.name}: {where}", door)
            for forged, spelled, body in _tricks.forged_forms(browser.origin):
                if path in {"/sign-in", "/upload"} and spelled in {"GET", "HEAD"}:
                    continue  # there are pages of that name
                with cases(f"{forged.name}: {where}"):
                    answer = browser.send(spelled, path, data=body, headers=dict(forged.headers), via=via)
                    refused = answer.status in {400, 403, 404, 405, 501}
                    require(refused, f"a refusal of {forged.name}: {where}", _said(answer), door)
                    _require_no_cookie(answer, f"{forged.name}: {where}", door)
    with cases("nothing was changed"):
        now = session.asset(asset.id)
        require(now == asset, f"the asset as it was: {asset}", now)
    with cases("the reader is still signed in"):
        answer = browser.send("GET", "/upload", headers=PAGE)
        require(answer.status == 200, "200 for the reader's own page", _said(answer))
    with cases("our own form is obeyed"):
        title = f"{exercise.marker} renamed"
        path, ours = f"/assets/{asset.id}/rename", {"Origin": browser.origin, **PAGE}
        answer = browser.send("POST", path, data={"title": title}, headers=ours)
        require(answer.status == 303, "303 for our own form", _said(answer))
        require(session.asset(asset.id).title == title, "the new title", session.asset(asset.id).title)
    with cases("our own form deletes"):
        answer = browser.send("POST", f"/assets/{asset.id}/delete", headers=ours)
        led = (answer.status, urlsplit(answer.headers.get("location", "")).path)
        require(led == (303, "/"), "the list after our own form to delete", f"{led}")
        left = session.call("GET", f"/v1/assets/{asset.id}").status
        require(left == 404, "no asset any more", left)
    for door, via in doors(exercise, "api").items():
        with cases(f"cookies alone at {door}"):
            cookie = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
            answer = exercise.http.get("api:/v1/assets", headers={"Cookie": cookie}, via=via)
            require(answer.status == 401, "401 for cookies without a token at the api", _said(answer), door)


def _require_no_cookie(answer: HttpAnswer, what: str, door: str) -> None:
    cookies = [each.partition("=")[0] for each in answer.headers.get_list("set-cookie")]
    require(not cookies, f"no cookie set or taken by {what}", cookies, door)


def _said(answer: HttpAnswer) -> str:
    return answer.error or f"{answer.status} {answer.text[:160]}".strip()
