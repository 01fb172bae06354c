"""The api's instances: shared evenly, and lost one at a time."""

import asyncio
import re
import socket
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager

import httpx2
import pytest
from starlette.responses import StreamingResponse

import system.frontend.api
from system.common.config import ConfigError
from system.frontend.app import make_app
from system.frontend.settings import read_settings
from tests.frontend.bench import ASSET_ID, Browser, FakeApi, Running, environment
from tests.waiting import wait_for


@pytest.fixture
def closed() -> str:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{listener.getsockname()[1]}"


Unanswered = tuple[str, list[bytes]]


@contextmanager
def unanswered(then: Callable[[socket.socket], object]) -> Iterator[Unanswered]:
    """Read each request, answer nothing, and do something with the connection."""
    heard: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def hear() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                heard.append(connection.recv(65536))
                then(connection)

        thread = threading.Thread(target=hear)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", heard
        listener.shutdown(socket.SHUT_RDWR)
    thread.join(10)


@pytest.fixture
def rude() -> Iterator[Unanswered]:
    """Hang up: nobody can know whether the request was acted on."""
    with unanswered(socket.socket.close) as server:
        yield server


@pytest.fixture
def mute() -> Iterator[Unanswered]:
    """Leave whoever asks waiting."""
    with ExitStack() as held, unanswered(held.enter_context) as server:
        yield server


def test_both_instances_are_asked(running: Running, api: FakeApi, api_url: str) -> None:
    other = FakeApi()
    with running(other.app()) as other_url, running(make_app(read_settings(environment(api_url, other_url)))) as url:
        browser = Browser(url).sign_in()
        for _ in range(6):
            assert browser.get("/").status_code == 200
    assert min(len(api.seen), len(other.seen)) >= 2


def test_a_dead_instance_costs_no_page(running: Running, api_url: str, closed: str) -> None:
    with running(make_app(read_settings(environment(closed, api_url, closed)))) as url:
        browser = Browser(url).sign_in()
        assert {browser.get("/").status_code for _ in range(6)} == {200}


def test_without_any_instance_the_page_says_so_and_the_session_stays(running: Running, closed: str) -> None:
    with running(make_app(read_settings(environment(closed)))) as url:
        browser = Browser(url)
        browser.cookies = {"__Host-access": "a", "__Host-refresh": "b"}
        page = browser.get("/")
        assert (page.status_code, page.headers["retry-after"]) == (503, "2")
        assert "cannot be reached at the moment" in page.text
        assert set(browser.cookies) == {"__Host-access", "__Host-refresh"}


def test_what_is_harmless_is_asked_again_elsewhere(
    running: Running, api: FakeApi, api_url: str, rude: Unanswered
) -> None:
    with running(make_app(read_settings(environment(rude[0], api_url)))) as url:
        browser = Browser(url)
        browser.cookies = {"__Host-access": "access-1"}
        assert {browser.get("/").status_code for _ in range(2)} == {200}
    assert len(rude[1]) == 1
    assert len(api.calls("GET", "/v1/assets")) == 2


def test_what_may_have_been_done_is_not_done_again(
    running: Running, api: FakeApi, api_url: str, rude: Unanswered
) -> None:
    # A second use of a refresh token closes the session.
    with running(make_app(read_settings(environment(rude[0], rude[0])))) as url:
        browser = Browser(url)
        browser.cookies = {"__Host-refresh": "refresh-1"}
        assert browser.get("/").status_code == 503
    assert [request.split(b" ")[0] for request in rude[1]] == [b"POST"]


def test_a_deletion_is_repeated_under_one_key(running: Running, rude: Unanswered) -> None:
    with running(make_app(read_settings(environment(rude[0], rude[0])))) as url:
        browser = Browser(url)
        browser.cookies = {"__Host-access": "access-1"}
        assert browser.post(f"/assets/{ASSET_ID}/delete").status_code == 503
    keys = [re.findall(rb"(?i)\r\nidempotency-key: (\w{32})\r\n", request) for request in rude[1]]
    assert len(keys) == 2
    assert keys[0] == keys[1] != []


@pytest.mark.parametrize("what", ["complete", "promote", "delete"])
def test_what_takes_long_is_waited_for(
    running: Running, api: FakeApi, api_url: str, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(system.frontend.api, "TIMEOUT", httpx2.Timeout(0.05))
    method, path = ("DELETE", "") if what == "delete" else ("POST", f"/{what}")
    api.slow_s[method, f"/v1/assets/{ASSET_ID}{path}"] = 0.5
    with running(make_app(read_settings(environment(api_url)))) as url:
        browser = Browser(url)
        browser.cookies = {"__Host-access": "access-1"}
        assert browser.post(f"/assets/{ASSET_ID}/{what}").status_code in {202, 303}
    assert len(api.seen) == 1


@pytest.mark.parametrize("what", ["complete", "promote", "delete"])
def test_what_was_not_done_in_time_is_not_begun_elsewhere(
    running: Running, mute: Unanswered, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(system.frontend.api, "THOROUGH_TIMEOUT", httpx2.Timeout(0.2))
    with running(make_app(read_settings(environment(mute[0], mute[0])))) as url:
        browser = Browser(url)
        browser.cookies = {"__Host-access": "access-1"}
        assert browser.post(f"/assets/{ASSET_ID}/{what}").status_code == 503
    assert len(mute[1]) == 1


def test_what_takes_long_goes_past_an_instance_that_is_not_there(running: Running, api_url: str, closed: str) -> None:
    with running(make_app(read_settings(environment(closed, api_url)))) as url:
        browser = Browser(url)
        browser.cookies = {"__Host-access": "access-1"}
        assert {browser.post(f"/assets/{ASSET_ID}/complete").status_code for _ in range(2)} == {202}


def test_streams_of_events_take_nothing_from_the_pages(
    running: Running, api: FakeApi, api_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(system.frontend.api, "LIMITS", httpx2.Limits(max_connections=2))
    for timeout in ("TIMEOUT", "EVENTS_TIMEOUT"):
        monkeypatch.setattr(system.frontend.api, timeout, httpx2.Timeout(5.0, pool=0.2))
    path = f"/assets/{ASSET_ID}/events"

    async def unending() -> AsyncIterator[bytes]:
        yield b": begun\n\n"
        await asyncio.Event().wait()

    api.answers["GET", f"/v1{path}"] = lambda _request: StreamingResponse(unending())
    with running(make_app(read_settings(environment(api_url)))) as url, ExitStack() as held:
        browser = Browser(url).sign_in()
        cookies = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
        viewer = held.enter_context(httpx2.Client(base_url=url, headers={"Cookie": cookies}, trust_env=False))
        streams = [held.enter_context(viewer.stream("GET", path)).iter_raw() for _ in range(2)]
        assert [next(stream) for stream in streams] == [b": begun\n\n"] * 2
        full = viewer.get(path)
        assert (full.status_code, full.headers["retry-after"]) == (503, "2")
        assert (browser.get("/").status_code, browser.get("/readyz").status_code) == (200, 200)


def test_what_takes_long_takes_nothing_from_the_pages(
    running: Running, api: FakeApi, api_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(system.frontend.api, "LIMITS", httpx2.Limits(max_connections=2))
    for timeout in ("TIMEOUT", "THOROUGH_TIMEOUT"):
        monkeypatch.setattr(system.frontend.api, timeout, httpx2.Timeout(20.0, pool=0.2))
    path = f"/assets/{ASSET_ID}/promote"
    done = threading.Event()

    async def promoted() -> AsyncIterator[bytes]:
        await asyncio.to_thread(done.wait, 20)
        yield b"{}"

    api.answers["POST", f"/v1{path}"] = lambda _request: StreamingResponse(promoted())
    with running(make_app(read_settings(environment(api_url)))) as url:
        browser = Browser(url).sign_in()
        with ThreadPoolExecutor(2) as pool:
            promotions = [pool.submit(browser.post, path) for _ in range(2)]
            wait_for(lambda: len(api.calls("POST", f"/v1{path}")) == 2)
            seen = [browser.post(path).status_code, *(browser.get(each).status_code for each in ("/", "/readyz"))]
            done.set()
            assert seen == [503, 200, 200]
            assert [each.result().status_code for each in promotions] == [303, 303]


def test_readiness_follows_the_api_and_liveness_does_not(running: Running, closed: str, api_url: str) -> None:
    with running(make_app(read_settings(environment(api_url, closed)))) as url:
        assert Browser(url).get("/readyz").json() == {
            "status": "ok",
            "dependencies": {"api": {"ok": True, "detail": ""}},
        }
    with running(make_app(read_settings(environment(closed)))) as url:
        answer = Browser(url).get("/readyz")
        assert answer.status_code == 503
        assert answer.json()["dependencies"]["api"]["ok"] is False
        assert Browser(url).get("/livez").status_code == 200
        assert Browser(url).get("/version").json() == {"service": "frontend", "instance": "frontend-1", "release": "r1"}


def test_every_mistake_in_the_configuration_is_named_at_once() -> None:
    wrong = {**environment("ftp://x", "http://a:b@c"), "APP_ORIGIN": "https://App/", "PLAY_ORIGIN": ""}
    with pytest.raises(ConfigError) as error:
        read_settings(wrong)
    assert [line.split(":")[0] for line in error.value.problems] == ["API_INTERNAL_URL", "APP_ORIGIN", "PLAY_ORIGIN"]
