"""Signing in and out, and staying signed in."""

import base64
from concurrent.futures import ThreadPoolExecutor

import pytest
from starlette.responses import JSONResponse, Response

from system.frontend.app import make_app
from system.frontend.settings import read_settings
from tests.frontend.bench import ASSET_ID, Browser, FakeApi, Running, environment, problem


def test_signing_in_hands_out_cookies_that_scripts_and_other_hosts_cannot_have(browser: Browser) -> None:
    answer = browser.post("/sign-in", {"email": " ada@example.test", "password": "right"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert set(browser.cookies) == {"__Host-access", "__Host-refresh"}
    for attributes in browser.attributes.values():
        parts = {part.strip().lower() for part in attributes.split(";")}
        assert parts >= {"secure", "httponly", "path=/", "samesite=lax"}
        assert not any(part.startswith("domain") for part in parts)


def test_tokens_are_never_in_a_page(browser: Browser) -> None:
    browser.sign_in()
    for path in ("/", f"/assets/{ASSET_ID}", "/upload"):
        text = browser.get(path).text
        assert "access-1" not in text
        assert "refresh-1" not in text


@pytest.mark.parametrize("status", [401, 429])
def test_a_refused_sign_in_says_so_and_gives_no_cookie(browser: Browser, api: FakeApi, status: int) -> None:
    api.answers["POST", "/v1/sessions"] = lambda _request: problem(status, "No <b>entry</b>.")
    answer = browser.post("/sign-in", {"email": "<ada>@example.test", "password": "wrong-pass"})
    assert answer.status_code == status
    assert "No &lt;b&gt;entry&lt;/b&gt;." in answer.text
    assert "&lt;ada&gt;@example.test" in answer.text
    assert "wrong-pass" not in answer.text
    assert browser.cookies == {}


def test_the_browsers_address_reaches_the_throttle_and_a_claimed_one_does_not(browser: Browser, api: FakeApi) -> None:
    browser.post("/sign-in", {"email": "a@b", "password": "x"}, x_forwarded_for="6.6.6.6, 203.0.113.9")
    ((headers, _),) = api.calls("POST", "/v1/sessions")
    assert headers["x-forwarded-for"] == "203.0.113.9"


def test_a_page_without_a_session_leads_to_sign_in_and_back(browser: Browser) -> None:
    answer = browser.get(f"/assets/{ASSET_ID}?done=renamed")
    assert answer.headers["location"] == f"/sign-in?next=%2Fassets%2F{ASSET_ID}%3Fdone%3Drenamed"
    page = browser.get(answer.headers["location"])
    assert f'name="next" value="/assets/{ASSET_ID}?done=renamed"' in page.text
    goal = {"email": "a@b", "password": "right", "next": f"/assets/{ASSET_ID}"}
    assert browser.post("/sign-in", goal).headers["location"] == f"/assets/{ASSET_ID}"


@pytest.mark.parametrize(
    "goal",
    [
        "https://evil.test",
        "//evil.test",
        "/\\evil.test",
        "\\\\evil.test",
        "/\t/evil.test",
        "/\n/evil.test",
        "javascript:x",
        "",
        "/ü",
    ],
)
def test_next_leads_nowhere_else(browser: Browser, goal: str) -> None:
    answer = browser.post("/sign-in", {"email": "a@b", "password": "right", "next": goal})
    assert answer.headers["location"] == "/"


def test_a_signed_in_reader_is_not_asked_again(browser: Browser) -> None:
    assert browser.sign_in().get("/sign-in").headers["location"] == "/"


def test_an_expired_access_token_is_renewed_on_the_way(browser: Browser, api: FakeApi) -> None:
    browser.sign_in()
    api.valid.clear()
    assert browser.get("/").status_code == 200
    assert browser.cookies == {"__Host-access": "access-2", "__Host-refresh": "refresh-2"}


def test_renewed_tokens_are_handed_out_with_an_error_too(browser: Browser, api: FakeApi) -> None:
    browser.sign_in()
    api.valid.clear()
    api.assets.clear()
    assert browser.get(f"/assets/{ASSET_ID}").status_code == 404
    assert browser.cookies == {"__Host-access": "access-2", "__Host-refresh": "refresh-2"}


def test_a_missing_access_cookie_is_renewed_without_asking_in_vain(browser: Browser, api: FakeApi) -> None:
    browser.sign_in()
    del browser.cookies["__Host-access"]
    assert browser.get("/").status_code == 200
    assert len(api.calls("GET", "/v1/assets")) == 1


def test_many_requests_with_one_refresh_token_exchange_it_once(browser: Browser, api: FakeApi) -> None:
    browser.sign_in()
    api.valid.clear()
    cookies = dict(browser.cookies)

    def load(_number: int) -> int:
        tab = Browser(str(browser.url))
        tab.cookies = dict(cookies)
        return tab.get("/").status_code

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(load, range(16))) == {200}
    assert len(api.calls("POST", "/v1/sessions/refresh")) == 1


def test_a_lost_session_ends_at_sign_in_without_cookies(browser: Browser, api: FakeApi) -> None:
    browser.sign_in()
    api.valid.clear()
    api.refresh.clear()
    assert browser.get("/").headers["location"] == "/sign-in"
    assert browser.cookies == {}


@pytest.mark.parametrize("status", [403, 408, 429, 502])
def test_an_exchange_that_was_refused_for_now_ends_no_session(browser: Browser, api: FakeApi, status: int) -> None:
    browser.sign_in()
    api.valid.clear()
    api.answers["POST", "/v1/sessions/refresh"] = lambda _request: problem(status, "Not now.")
    page = browser.get("/")
    assert (page.status_code, page.headers["retry-after"]) == (503, "2")
    assert browser.cookies == {"__Host-access": "access-1", "__Host-refresh": "refresh-1"}
    del api.answers["POST", "/v1/sessions/refresh"]
    assert browser.get("/").status_code == 200


def test_an_exchange_counts_for_the_browser_that_needs_it(browser: Browser, api: FakeApi) -> None:
    browser.sign_in()
    api.valid.clear()
    browser.get("/", x_forwarded_for="203.0.113.9")
    ((headers, _),) = api.calls("POST", "/v1/sessions/refresh")
    assert headers["x-forwarded-for"] == "203.0.113.9"


def test_scripts_are_told_401_instead_of_a_page(browser: Browser) -> None:
    answer = browser.fetch("/upload", {})
    assert (answer.status_code, answer.headers["content-type"]) == (401, "application/problem+json")


def test_signing_out_closes_the_session_and_takes_the_cookies(browser: Browser, api: FakeApi) -> None:
    browser.sign_in()
    assert browser.post("/sign-out").headers["location"] == "/sign-in"
    assert browser.cookies == {}
    ((headers, _),) = api.calls("DELETE", "/v1/sessions/current")
    assert headers["authorization"] == "Bearer access-1"


def test_signing_out_takes_the_cookies_even_when_they_were_renewed_on_the_way(browser: Browser, api: FakeApi) -> None:
    browser.sign_in()
    api.valid.clear()
    browser.post("/sign-out")
    assert browser.cookies == {}
    assert api.calls("DELETE", "/v1/sessions/current")[-1][0]["authorization"] == "Bearer access-2"


def test_signing_out_works_while_the_api_is_away(running: Running) -> None:
    with running(make_app(read_settings(environment("http://127.0.0.1:9")))) as url:
        browser = Browser(url)
        browser.cookies = {"__Host-access": "a", "__Host-refresh": "b"}
        assert browser.post("/sign-out").headers["location"] == "/sign-in"
        assert browser.cookies == {}


@pytest.mark.parametrize(("status", "told"), [(204, False), (401, False), (429, True), (500, True)])
def test_a_session_that_the_api_did_not_end_is_told_in_the_log(
    browser: Browser, api: FakeApi, status: int, told: bool, caplog: pytest.LogCaptureFixture
) -> None:
    browser.sign_in()
    api.answers["DELETE", "/v1/sessions/current"] = lambda _request: Response(status_code=status)
    assert browser.post("/sign-out").headers["location"] == "/sign-in"
    assert browser.cookies == {}
    assert ("signed out in the browser only" in caplog.text) == told


def test_the_trace_goes_on_to_the_api(browser: Browser, api: FakeApi) -> None:
    trace = base64.b16encode(b"0123456789abcdef").decode().lower()
    browser.sign_in().get("/", traceparent=f"00-{trace}-0011223344556677-01", x_request_id="my-request")
    headers, _ = api.calls("GET", "/v1/assets")[-1]
    assert headers["x-request-id"] == "my-request"
    assert headers["traceparent"].startswith(f"00-{trace}-")


def test_an_answer_that_is_no_token_pair_is_an_error_not_a_session(browser: Browser, api: FakeApi) -> None:
    api.answers["POST", "/v1/sessions"] = lambda _request: JSONResponse({}, 500)
    assert browser.post("/sign-in", {"email": "a@b", "password": "right"}).status_code == 502
    assert browser.cookies == {}


@pytest.mark.parametrize("value", ["caf\N{LATIN SMALL LETTER E WITH ACUTE}", '"\\351"', "a b", "a,b"])
def test_a_cookie_that_can_be_no_token_is_none(browser: Browser, api: FakeApi, value: str) -> None:
    browser.cookies = {"__Host-access": value, "__Host-refresh": value}
    assert browser.get("/").headers["location"] == "/sign-in"
    assert browser.get("/sign-in").status_code == 200
    assert api.seen == []
