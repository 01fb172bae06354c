"""Texts that users give: whatever they say, they come back as data, to programs and to browsers."""

import json
from collections.abc import Iterator, Mapping
from urllib.parse import quote, urlsplit

from seatrial import BLOCKER, Exercise, Failure, Invalid, check, require
from seatrial.cases import Cases
from seatrial.probes.browser import Element, PageSeen, Tab
from seatrial.probes.text import without_queries
from suites.client import Asset, Session, another_account, remove, signed_in, small_clip
from suites.security._browser import SIGN_OUT, leave
from suites.security._hostile_text import INJECTED, MARK, Effect, Text, careless_page, data, html, refused

FEWEST_CASES = 150
BARE = {"Content-Type": "text/html; charset=utf-8"}


@check("SEC-API-02", severity=BLOCKER, component="frontend")
def test_hostile_texts_stay_data(exercise: Exercise) -> None:
    """Titles and file names that are code to somebody come back as they were given, and run in no browser.

    Why it matters: a title that runs as a script acts as whoever looks at it, and takes the session along; one that runs
    in the database takes everything. Injection leads the CWE Top 25 of 2024 (CWE-79) and stands third there (CWE-89).

    How it is measured: texts for HTML, SQL, templates, shells, paths and headers are stored as titles and as file names,
    by creating and by renaming. The API must give each back character by character, by reading and in the list; control
    characters and half characters must be refused with 422; no answer has a header that a text made; the asset of another
    account, which the SQL names, stays as it was. Then Chromium signs in by the form and opens the list and the assets,
    one of them with its preview ready, and the pages that repeat what a request says. Each text must stand in the page as
    it was given, with no element made of it, no call of the canary, no dialog, no violation of the policy, nothing asked
    of another site. The same texts run in the same browser, from the same address, in a page that escapes nothing: one
    that does not makes the check INVALID. Last, the texts are put into our own pages on their way to the browser: the
    Content-Security-Policy alone must stop every one, and the browser must say so.

    Not covered: other browsers than Chromium; what FFmpeg makes of a file's own metadata; texts in logs; e-mail.
    """
    session = signed_in(exercise)
    other = signed_in(exercise, account=another_account(exercise))
    bystander = _announced(exercise, other, f"{exercise.marker} bystander", "clip.mp4")
    texts = [*html(), *data(bystander.id)]
    with exercise.cases(at_least=FEWEST_CASES) as cases:
        ready = _sent(exercise, session, next(text for text in texts if text.name == "out of an attribute"))
        stored = _store(exercise, cases, session, texts)
        _refuse(exercise, cases, session)
        with exercise.browser.start() as tab:
            _control(exercise, tab)
            _repeat(exercise, cases, tab)
            try:
                _sign_in(exercise, tab)
                _show(exercise, cases, tab, stored)
                _show_ready(exercise, cases, tab, session, ready)
                _policy_alone(exercise, cases, tab, ready.id)
            finally:
                leave(tab, exercise.profile.urls["app"])
        with cases("the asset of another account"):
            now = other.asset(bystander.id)
            require(now == bystander, f"the asset as it was: {bystander}", now, "api")


def _announced(exercise: Exercise, session: Session, title: str, filename: str) -> Asset:
    asset = session.create(title, b"x", filename=filename).asset
    exercise.cleanup(remove, session, asset.id)
    return asset


def _sent(exercise: Exercise, session: Session, text: Text) -> Asset:
    """Upload a clip under a hostile title and file name; its preview is made meanwhile."""
    clip = small_clip()
    created = session.create(text.text, clip.content, filename=text.text)
    exercise.cleanup(remove, session, created.asset.id)
    if created.upload is None:
        raise Invalid("no upload was asked for a new asset")
    return session.complete(created.asset.id, session.put(created.upload, clip.content))


def _store(exercise: Exercise, cases: Cases, session: Session, texts: list[Text]) -> dict[Text, str]:
    """Store every text both ways and read it back; return what was stored -> its asset's id."""
    stored = {}
    renamed = _announced(exercise, session, exercise.marker, "clip.mp4")
    for text in texts:
        with cases(f"{text.name}, stored"):
            asset = _announced(exercise, session, text.text, text.text)
            stored[text] = asset.id
            _require_same(asset, text, "as created")
            _require_same(session.asset(asset.id), text, "as read")
        with cases(f"{text.name}, by renaming"):
            answer = session.call("PATCH", f"/v1/assets/{renamed.id}", json={"title": text.text})
            require(answer.status == 200, f"200 for renaming to {text.name}", answer.error or answer.text[:200], "api")
            _require_no_header(answer.headers, f"renaming to {text.name}")
            title, filename = (answer.json().get(name) for name in ("title", "filename"))
            require(filename == "clip.mp4", f"the file name as it was after renaming to {text.name}", filename, "api")
            require(title == text.text, f"the title of {text.name} as given: {text.text!a}", ascii(title), "api")
    listed = {asset.id: asset for asset in session.assets()}
    for text, number in stored.items():
        with cases(f"{text.name}, listed"):
            require(number in listed, f"the asset of {text.name} in the list", "it is not there", "api")
            _require_same(listed[number], text, "as listed")
    return stored


def _require_same(asset: Asset, text: Text, how: str) -> None:
    for field, value in (("title", asset.title), ("file name", asset.filename)):
        require(value == text.text, f"the {field} of {text.name} as given, {how}: {text.text!a}", ascii(value), "api")


def _require_no_header(headers: Mapping[str, str], what: str) -> None:
    require(INJECTED not in headers, f"no header made by {what}", dict(headers), "api")


def _refuse(exercise: Exercise, cases: Cases, session: Session) -> None:
    plain = {"title": exercise.marker, "filename": "clip.mp4", "content_type": "video/mp4"}
    kinds = [Text("CR LF", "video/mp4\r\nX-Injected: 1"), Text("a script", f"video/<script {MARK}>")]
    for field, texts in {"title": [*refused()], "filename": [*refused()], "content_type": kinds}.items():
        for text in texts:
            with cases(f"{text.name} as {field}, refused"):
                # As ASCII, or half a character could not be sent at all.
                body = json.dumps({**plain, field: text.text, "size_bytes": 1, "sha256": "0" * 64})
                headers = {
                    "Authorization": f"Bearer {session.tokens.access_token}",
                    "Content-Type": "application/json",
                }
                answer = exercise.http.post("api:/v1/assets", data=body, headers=headers)
                _require_no_header(answer.headers, f"{text.name} as {field}")
                if answer.status == 201:
                    exercise.cleanup(remove, session, answer.json()["asset"]["id"])
                seen = answer.error or f"{answer.status} {answer.text[:160]}"
                require(answer.status == 422, f"422 for {text.name} as {field}", seen, "api")


def _control(exercise: Exercise, tab: Tab) -> None:
    """See every text run in a page that escapes nothing, or nothing that follows says anything."""
    for text in html():
        seen = tab.open_as(f"{exercise.profile.urls['app']}/", careless_page(text.text), BARE)
        if text.effect is Effect.RUNS and text.name not in seen.canaries:
            raise Invalid(f"{text.name} did not run in a page without escaping, so this browser shows nothing: {seen}")
        if text.effect is Effect.ASKS and not _foreign(exercise, seen):
            raise Invalid(f"{text.name} asked nobody in a page without escaping, so nothing is shown: {seen}")


def _foreign(exercise: Exercise, seen: PageSeen) -> list[str]:
    ours = {urlsplit(url).netloc for url in exercise.profile.urls.values()}
    return [
        without_queries(url)
        for url in seen.asked
        if urlsplit(url).scheme in {"http", "https"} and urlsplit(url).netloc not in ours
    ]


def _require_inert(exercise: Exercise, tab: Tab, seen: PageSeen, what: str) -> None:
    require(seen.error is None, f"{what} in the browser", seen.error, "frontend")
    made = [f"{each.text[:80]} {dict(each.attributes)}" for each in tab.elements(f"[{MARK}]")]
    require(not made, f"no element made of a text in {what}", made, "frontend")
    for found, nothing in (
        (seen.canaries, "no script of a text run"),
        (seen.dialogs, "no dialog"),
        (seen.violations, "nothing for the policy to refuse"),
        (_foreign(exercise, seen), "nothing asked of another site"),
    ):
        require(not found, f"{nothing} in {what}", found, "frontend")


def _repeat(exercise: Exercise, cases: Cases, tab: Tab) -> None:
    """Open pages that repeat what the request says."""
    app = exercise.profile.urls["app"]
    for number, goal in enumerate(_goals()):
        with cases(f"next {number} in the sign-in form"):
            seen = tab.open(f"{app}/sign-in?next={quote(goal, safe='')}")
            _require_inert(exercise, tab, seen, f"the sign-in page with next {goal}")
            field = _field(tab, "[name=next]", seen)
            require(field.value == goal, f"the path as it was given: {goal}", field.value, "frontend")
    with cases("a hostile e-mail"):
        text = f'"><svg/{MARK}/onload=alert(1)>@{exercise.marker}.example'
        tab.evaluate("document.querySelector('main form').noValidate = true")
        seen = tab.submit({"#email": text, "#password": "wrong"}, "main button")
        _require_inert(exercise, tab, seen, "a refused sign-in")
        field = _field(tab, "#email", seen)
        require(field.value == text, f"the e-mail as it was given: {text}", field.value, "frontend")


def _field(tab: Tab, selector: str, seen: PageSeen) -> Element:
    found = tab.elements(selector)
    require(len(found) == 1, f"one field {selector} on the page", f"{len(found)}, status {seen.status}", "frontend")
    return found[0]


def _goals() -> Iterator[str]:
    """Join the texts to paths; the frontend takes none that is longer than 500 characters."""
    goal = "/"
    for text in html():
        if len(goal + text.text) > 500:
            yield goal
            goal = "/"
        goal += text.text
    yield goal


def _sign_in(exercise: Exercise, tab: Tab) -> None:
    app = exercise.profile.urls["app"]
    email, password = exercise.account
    tab.open(f"{app}/sign-in")
    seen = tab.submit({"#email": email, "#password": password}, "main button")
    if seen.status != 200 or not tab.elements(SIGN_OUT):
        raise Failure("the list after signing in by the form", f"{seen.status} {seen.error or seen.title}", "frontend")


def _show(exercise: Exercise, cases: Cases, tab: Tab, stored: dict[Text, str]) -> None:
    app = exercise.profile.urls["app"]
    wanted, shown, path = set(stored.values()), dict[str, str](), "/"
    pages = 0
    while path and not wanted <= set(shown):
        seen = tab.open(f"{app}{path}")
        pages += 1
        with cases(f"page {pages} of the list"):
            _require_inert(exercise, tab, seen, f"page {pages} of the list")
        links = tab.elements("main li a")
        shown |= {each.attributes["href"].rpartition("/")[2]: each.text for each in links if each.shown}
        path = next((each.attributes["href"] for each in tab.elements("a[rel=next]")), "")
    for text, number in stored.items():
        with cases(f"{text.name} in the list"):
            if number not in shown:
                raise Invalid(f"the asset of {text.name} is on none of {pages} pages of the list")
            require(shown[number] == text.text, f"{text.name} shown as given: {text.text!a}", ascii(shown[number]))
        if text.effect is Effect.NONE and "template" not in text.name:
            continue
        with cases(f"{text.name} on its own page"):
            seen = tab.open(f"{app}/assets/{number}")
            _require_inert(exercise, tab, seen, f"the page of {text.name}")
            _require_shown(tab, text)


def _require_shown(tab: Tab, text: Text) -> None:
    for where, value in _places(tab):
        same = text.text in value if where == "the details" else value == text.text
        require(same, f"{text.name} as given in {where}: {text.text!a}", ascii(value), "frontend")


def _places(tab: Tab) -> Iterator[tuple[str, str]]:
    """Give every place of an asset's page in which its title or file name stands."""
    for where, selector in (
        ("the heading", "h1"),
        ("the details", "main dl dt:nth-of-type(2) + dd"),
        ("the field", "#title"),
    ):
        found = [each for each in tab.elements(selector) if each.shown]
        if len(found) != 1:
            raise Invalid(f"{where} of an asset's page ({selector}) was found {len(found)} times")
        yield where, found[0].value or found[0].text


def _show_ready(exercise: Exercise, cases: Cases, tab: Tab, session: Session, ready: Asset) -> None:
    session.wait(ready.id, within_s=float(exercise.target("preview_s")))
    with cases("an asset that is ready"):
        seen = tab.open(f"{exercise.profile.urls['app']}/assets/{ready.id}")
        _require_inert(exercise, tab, seen, "the page of an asset that is ready")
        _require_shown(tab, Text("the title", ready.title))
        labels = [each.attributes.get("aria-label") for each in tab.elements("#player")]
        require(labels == [ready.title], f"the title as the player's label: {ready.title!a}", labels, "frontend")


def _policy_alone(exercise: Exercise, cases: Cases, tab: Tab, asset_id: str) -> None:
    """Put the texts into our pages on their way to the browser; what stops them now is the policy."""
    texts = [text for text in html() if "attribute more" not in text.name]  # outside of a tag those are plain text
    together = "".join(text.text for text in texts)
    refusals = {}
    for path in ("/", "/upload", f"/assets/{asset_id}", "/no-such-page"):
        where = path.replace(asset_id, "ID")
        seen = tab.open(
            f"{exercise.profile.urls['app']}{path}",
            change=lambda page: page.replace("</main>", f"{together}</main>"),
        )
        refusals[where] = list(seen.violations)
        if len(tab.elements(f"[{MARK}]")) < len(texts):
            raise Invalid(f"the texts could not be put into {where}: {seen}")
        for text in texts:
            with cases(f"{text.name} put into {where}"):
                require(text.name not in seen.canaries, f"{text.name} in {where} stopped by the policy", "it ran")
        with cases(f"what the browser says of {where}"):
            require(not seen.dialogs, f"no dialog in {where}", seen.dialogs)
            refused = len(seen.violations)
            require(refused >= len(texts), f"{len(texts)} refusals or more by the policy of {where}", refusals[where])
    exercise.evidence("refused by the policy alone", refusals)
