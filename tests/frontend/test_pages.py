"""What the pages show and do."""

import asyncio
import threading
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from starlette.responses import JSONResponse, StreamingResponse

from system.common.lifecycle import draining
from tests.frontend.bench import ASSET_ID, PLAY, S3, Browser, FakeApi, asset, problem

PAGE = f"/assets/{ASSET_ID}"
API = f"/v1/assets/{ASSET_ID}"


def test_the_list_shows_videos_and_leads_to_older_ones(browser: Browser, api: FakeApi) -> None:
    api.assets = [asset(title="<script>alert(1)</script>"), asset(status="processing", progress=40)]
    page = browser.sign_in().get("/")
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page.text
    assert "being prepared, 40 %" in page.text
    assert "1.5 MB" in page.text
    assert "23 November 2026, 05:34:42 UTC" in page.text
    assert 'href="/?cursor=older%2B1/%3D"' in page.text
    browser.get("/?cursor=older%2B1/%3D")
    assert len(api.calls("GET", "/v1/assets")) == 2


def test_an_empty_list_leads_to_the_upload(browser: Browser, api: FakeApi) -> None:
    api.assets = []
    assert "Upload the first one" in browser.sign_in().get("/").text


def test_a_ready_video_plays_with_its_poster(browser: Browser, api: FakeApi) -> None:
    page = browser.sign_in().get(PAGE).text
    assert f'src="{PLAY}/v/{ASSET_ID}/preview?exp=1&amp;kid=k1&amp;sig=s"' in page
    assert f'poster="{PLAY}/v/{ASSET_ID}/poster?exp=1&amp;kid=k1&amp;sig=s"' in page
    assert "Promote to master" in page
    assert [body for _, body in api.calls("POST", f"{API}/playback")] == [{"variant": "preview"}, {"variant": "poster"}]


def test_a_video_in_work_shows_progress_and_no_player(browser: Browser, api: FakeApi) -> None:
    api.assets = [asset(status="processing", progress=40)]
    page = browser.sign_in().get(PAGE).text
    assert '<progress id="progress" max="100" value="40">' in page
    assert f'data-events="{PAGE}/events"' in page
    assert "<video" not in page
    assert "Promote" not in page
    assert api.calls("POST", f"{API}/playback") == []


def test_a_failed_video_says_why(browser: Browser, api: FakeApi) -> None:
    api.assets = [asset(status="failed", failure_reason="not a video & never was")]
    assert "No preview could be made: not a video &amp; never was." in browser.sign_in().get(PAGE).text


def test_a_master_shows_its_version_and_cannot_be_promoted_again(browser: Browser, api: FakeApi) -> None:
    master = {
        "bucket": "masters", "key": "masters/x", "version_id": "v-77", "sha256": "ab" * 32, "size_bytes": 1,
        "retained_until": "2026-11-24T00:00:00Z",
    }  # fmt: skip
    api.assets = [asset(master=master)]
    page = browser.sign_in().get(PAGE).text
    assert "v-77" in page
    assert "24 November 2026" in page
    assert "Promote to master" not in page


def test_renaming_sends_the_title_and_confirms(browser: Browser, api: FakeApi) -> None:
    answer = browser.sign_in().post(f"{PAGE}/rename", {"title": " Pier & sea "})
    assert answer.headers["location"] == f"{PAGE}?done=renamed"
    assert api.calls("PATCH", API)[0][1] == {"title": "Pier & sea"}
    assert "The new title is saved." in browser.get(answer.headers["location"]).text


def test_promoting_confirms(browser: Browser, api: FakeApi) -> None:
    assert browser.sign_in().post(f"{PAGE}/promote").headers["location"] == f"{PAGE}?done=promoted"
    assert len(api.calls("POST", f"{API}/promote")) == 1


def test_deleting_leads_back_to_the_list(browser: Browser, api: FakeApi) -> None:
    answer = browser.sign_in().post(f"{PAGE}/delete")
    assert answer.headers["location"] == "/?done=deleted"
    assert len(api.calls("DELETE", API)) == 1
    assert "The video is deleted." in browser.get("/?done=deleted").text


def test_a_retained_master_is_not_deleted_and_the_page_says_why(browser: Browser, api: FakeApi) -> None:
    api.answers["DELETE", API] = lambda _request: problem(409, "The master is retained until tomorrow.")
    answer = browser.sign_in().post(f"{PAGE}/delete")
    assert answer.status_code == 409
    assert '<p class="notice bad" role="alert">The master is retained until tomorrow.</p>' in answer.text


def test_a_made_up_notice_is_not_shown(browser: Browser) -> None:
    assert 'role="status">send money' not in browser.sign_in().get("/?done=send+money").text


def test_an_upload_is_announced_with_the_scripts_key_and_the_link_comes_back(browser: Browser, api: FakeApi) -> None:
    announced = {"title": "t", "filename": "f.mp4", "content_type": "video/mp4", "size_bytes": 1, "sha256": "ab" * 32}
    answer = browser.sign_in().fetch("/upload", announced, idempotency_key="key-1")
    assert answer.status_code == 201
    assert answer.json()["upload"]["url"].startswith(S3)
    headers, body = api.calls("POST", "/v1/assets")[0]
    assert (headers["idempotency-key"], body) == ("key-1", announced)


def test_an_upload_that_the_api_refuses_says_which_field(browser: Browser, api: FakeApi) -> None:
    errors = [{"location": "body.content_type", "message": "must be a video"}]
    api.answers["POST", "/v1/assets"] = lambda _request: problem(422, "The request does not fit.", errors=errors)
    answer = browser.sign_in().fetch("/upload", {})
    assert (answer.status_code, answer.json()["detail"]) == (
        422,
        "The request does not fit. content_type: must be a video.",
    )


@pytest.mark.parametrize("status", [429, 503])
def test_a_refusal_for_now_is_passed_on_with_its_wait(browser: Browser, api: FakeApi, status: int) -> None:
    api.answers["POST", "/v1/assets"] = lambda _request: problem(status, "Wait.", headers={"Retry-After": "7"})
    answer = browser.sign_in().fetch("/upload", {})
    assert (answer.status_code, answer.headers["retry-after"]) == (status, "7")


def test_completion_is_passed_on(browser: Browser) -> None:
    assert browser.sign_in().fetch(f"{PAGE}/complete", {}).status_code == 202


def test_a_new_playback_link_is_for_the_preview(browser: Browser, api: FakeApi) -> None:
    answer = browser.sign_in().fetch(f"{PAGE}/playback", {})
    assert answer.json()["url"].startswith(f"{PLAY}/v/{ASSET_ID}/preview")
    assert api.calls("POST", f"{API}/playback")[0][1] == {"variant": "preview"}


def test_events_are_passed_on_and_end_with_the_apis(browser: Browser) -> None:
    answer = browser.sign_in().get(f"{PAGE}/events", accept="text/event-stream")
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.headers["cache-control"] == "no-store"
    assert answer.text.count("event: asset") == 3


def test_an_open_stream_of_events_does_not_hold_up_the_end_of_an_instance(browser: Browser, api: FakeApi) -> None:
    opened = threading.Event()

    async def endless() -> AsyncIterator[bytes]:
        yield b"event: asset\n\n"
        opened.set()
        await asyncio.Event().wait()

    api.answers["GET", f"{API}/events"] = lambda _request: StreamingResponse(endless(), media_type="text/event-stream")
    browser.sign_in()
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(browser.get, f"{PAGE}/events", accept="text/event-stream")
        try:
            assert opened.wait(10)
            # On the same event loop: once it is answered, the relay waits for the next event.
            assert browser.get("/").status_code == 200
            draining.set()
            assert answer.result(10).status_code == 200
        finally:
            draining.clear()


def test_events_of_an_unknown_video_are_refused(browser: Browser, api: FakeApi) -> None:
    api.answers["GET", f"{API}/events"] = lambda _request: problem(404, "Not Found")
    answer = browser.sign_in().get(f"{PAGE}/events", accept="text/event-stream")
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")


def test_an_unknown_video_is_a_page_that_says_so(browser: Browser, api: FakeApi) -> None:
    api.assets = []
    answer = browser.sign_in().get(PAGE)
    assert answer.status_code == 404
    assert "There is nothing here." in answer.text


@pytest.mark.parametrize("path", ["/assets/not-a-uuid", "/assets/..%2f..%2fv1", "/nothing", "/assets/"])
def test_unknown_paths_are_404(browser: Browser, path: str) -> None:
    assert browser.sign_in().get(path).status_code == 404


def test_a_wrong_method_names_the_right_ones(browser: Browser) -> None:
    answer = browser.post("/livez")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD")
    assert browser.get("/sign-out").headers["allow"] == "POST"


def test_an_overlong_form_is_refused(browser: Browser) -> None:
    assert browser.post("/sign-in", {"email": "a" * 20_000}).status_code == 413


@pytest.mark.parametrize("body", [b"\xff\xfe", b"{", b"[" * 5000])
def test_a_broken_body_is_a_400_for_scripts(browser: Browser, body: bytes) -> None:
    browser.sign_in()
    answer = browser.send_raw("/upload", body)
    assert (answer.status_code, answer.headers["content-type"]) == (400, "application/problem+json")


def test_an_error_of_the_api_does_not_reach_the_reader(browser: Browser, api: FakeApi) -> None:
    api.answers["GET", "/v1/assets"] = lambda _request: JSONResponse({"detail": "relation accounts: boom"}, 500)
    answer = browser.sign_in().get("/")
    assert answer.status_code == 502
    assert "boom" not in answer.text


@pytest.mark.parametrize("body", [b'{"title": "\\ud800"}', b'{"size_bytes": NaN}', b'{"size_bytes": 1e999}'])
def test_what_cannot_be_written_again_reaches_the_api_as_it_came(browser: Browser, api: FakeApi, body: bytes) -> None:
    api.answers["POST", "/v1/assets"] = lambda _request: problem(422, "The request does not fit.")
    assert browser.sign_in().send_raw("/upload", body).status_code == 422
    assert api.calls("POST", "/v1/assets")[0][0]["content-type"] == "application/json"


@pytest.mark.parametrize("key", ["\N{LATIN SMALL LETTER E WITH ACUTE}", "two words", "k" * 129])
def test_a_key_that_the_contract_does_not_allow_is_refused(browser: Browser, api: FakeApi, key: str) -> None:
    answer = browser.sign_in().fetch("/upload", {}, idempotency_key=key)
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    assert api.calls("POST", "/v1/assets") == []
