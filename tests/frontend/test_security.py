"""Headers, other origins, static files."""

import re
from html.parser import HTMLParser

import pytest

from tests.frontend.bench import APP, ASSET_ID, PLAY, S3, Browser, FakeApi

PAGES = ["/", "/sign-in", "/upload", f"/assets/{ASSET_ID}", "/nothing", "/livez"]


@pytest.mark.parametrize("path", PAGES)
def test_every_answer_carries_the_policy_and_is_not_stored(browser: Browser, path: str) -> None:
    headers = browser.sign_in().get(path).headers
    policy = dict(part.split(" ", 1) for part in headers["content-security-policy"].split("; "))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["form-action"] == "'self'"
    assert policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    assert (policy["media-src"], policy["connect-src"]) == (PLAY, f"'self' {S3}")
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cache-control"] == "no-store"
    assert headers["referrer-policy"] == "same-origin"
    assert "camera=()" in headers["permissions-policy"]
    assert re.fullmatch("[0-9a-f]{32}", headers["x-request-id"])


class Markup(HTMLParser):
    """Collect what a strict policy would block, and what a keyboard or a screen reader needs."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.inline: list[str] = []
        self.loads: list[str] = []
        self.labelled: set[str] = set()
        self.fields: set[str] = set()
        self.headings = 0
        self._script = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        self.inline += [f"{tag} {name}" for name in values if name.startswith("on") or name == "style"]
        self._script = tag in {"script", "style"}
        if tag == "script" and "src" not in values:
            self.inline.append("script")
        if tag in {"script", "link"}:
            self.loads.append(values.get("src") or values["href"])
        if tag == "label":
            self.labelled.add(values["for"])
        if tag in {"input", "progress"} and values.get("type") != "hidden":
            self.fields.add(values["id"])
        self.headings += tag == "h1"

    def handle_data(self, data: str) -> None:
        if self._script and data.strip():
            self.inline.append(data)


@pytest.mark.parametrize("path", ["/", "/sign-in", "/upload", f"/assets/{ASSET_ID}", "/nothing"])
def test_pages_have_nothing_inline_one_heading_and_labels_for_all_fields(browser: Browser, path: str) -> None:
    if path != "/sign-in":
        browser.sign_in()
    markup = Markup(browser.get(path).text)
    assert markup.inline == []
    assert markup.headings == 1
    assert markup.fields <= markup.labelled
    for load in markup.loads:
        assert browser.get(load).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.test"},
        {"origin": "null"},
        {"origin": APP.replace("app.", "play.")},
        {"origin": APP.removesuffix(":8443")},
        {"origin": APP.replace("https", "http")},
        {"origin": ""},
        {"origin": "", "sec_fetch_site": "same-site"},
        {"origin": "https://evil.test", "sec_fetch_site": "same-origin"},
    ],
)
@pytest.mark.parametrize("path", ["/sign-in", "/sign-out", f"/assets/{ASSET_ID}/delete", "/upload"])
def test_what_another_origin_sends_is_refused_and_does_nothing(
    browser: Browser, api: FakeApi, headers: dict[str, str], path: str
) -> None:
    browser.sign_in()
    before = len(api.seen)
    assert browser.post(path, {"title": "x"}, **headers).status_code == 403
    assert len(api.seen) == before


def test_a_proxy_that_strips_origin_does_not_lock_readers_out(browser: Browser) -> None:
    browser.sign_in()
    assert browser.post("/sign-out", origin="", sec_fetch_site="same-origin").status_code == 303


def test_a_foreign_host_header_reaches_no_redirect(browser: Browser) -> None:
    for path in ("/", "/assets/", "/sign-in/"):
        assert "evil" not in browser.get(path, host="evil.test").headers.get("location", "")


def test_static_files_are_named_by_content_and_cached_for_ever(browser: Browser) -> None:
    (script,) = [load for load in Markup(browser.sign_in().get("/upload").text).loads if load.endswith(".js")]
    assert re.fullmatch(r"/static/upload\.[0-9a-f]{12}\.js", script)
    answer = browser.get(script, accept_encoding="br;q=1, gzip;q=0.5")
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert answer.headers["content-encoding"] == "gzip"
    assert answer.headers["vary"] == "Accept-Encoding"
    assert browser.get(script, accept_encoding="identity").content == answer.content
    assert "content-encoding" not in browser.get(script, accept_encoding="gzip;q=0").headers
    assert browser.get(script, if_none_match=answer.headers["etag"]).status_code == 304
    plain = browser.get(script, accept_encoding="identity", if_none_match=answer.headers["etag"])
    assert plain.status_code == 200
    assert plain.headers["etag"] != answer.headers["etag"]
    weak = f'"x", W/{plain.headers["etag"]}'
    assert browser.get(script, accept_encoding="identity", if_none_match=weak).status_code == 304
    (imported,) = re.findall(r'from "\./([^"]+)"', answer.text)
    assert browser.get(f"/static/{imported}").status_code == 200


@pytest.mark.parametrize("name", ["app.css", "..%2fpages.py", "%2e%2e/pages.py", "upload.000000000000.js", ""])
def test_nothing_else_is_served_as_static(browser: Browser, name: str) -> None:
    assert browser.get(f"/static/{name}").status_code == 404
