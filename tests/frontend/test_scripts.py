"""What the pages' scripts do in a real browser when not all goes well."""

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from seatrial.probes.browser import Tab, browser
from system.frontend.static_files import StaticFiles
from system.frontend.templates import Templates
from tests.frontend.bench import ASSET_ID, Running, asset, problem

PAGE = f"/assets/{ASSET_ID}"
UPLOAD, STORE, COMPLETE, DELETE = "POST /upload", "PUT /store", f"POST {PAGE}/complete", f"POST {PAGE}/delete"
EVENTS = f"GET {PAGE}/events"
WITHIN_S = 20.0


class Site:
    """The pages with their scripts, whose questions are answered as a test tells."""

    def __init__(self) -> None:
        self.refusals: defaultdict[str, list[int]] = defaultdict(list)  # the next answers; without any it goes well
        self.asked: list[str] = []
        self.keys: list[str] = []
        self.holding = False  # a store that takes the file and says nothing
        self.asset = asset()
        self._static = StaticFiles()
        self._templates = Templates(self._static.url)

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/upload", lambda _: self._templates.page("upload")),
                Route(PAGE, self._asset),
                Route(f"{PAGE}/events", self._events),
                Route("/static/{name}", self._static.endpoint),
                Route("/{path:path}", self._answer, methods=["POST", "PUT"]),
            ]
        )

    def _asset(self, _request: Request) -> Response:
        links = {"preview": "", "poster": ""}
        return self._templates.page("asset", asset=self.asset, links=links, said="", done="")

    def _events(self, _request: Request) -> Response:
        self.asked.append(EVENTS)
        if self.refusals[EVENTS]:
            return problem(self.refusals[EVENTS].pop(0), "Not now.")
        self.asset = asset()
        return Response('event: asset\ndata: {"status": "ready", "progress": 100}\n\n', media_type="text/event-stream")

    async def _answer(self, request: Request) -> Response:
        await request.body()
        call = f"{request.method} {request.url.path}"
        self.asked.append(call)
        if self.refusals[call]:
            return problem(self.refusals[call].pop(0), "Not now.")
        if call == UPLOAD:
            self.keys.append(request.headers["idempotency-key"])
            upload = {"method": "PUT", "url": "/store", "headers": {"content-type": "video/mp4"}}
            return JSONResponse({"asset": asset(status="awaiting_upload"), "upload": upload}, 201)
        if call == STORE and self.holding:
            await request.receive()  # until the browser leaves
        return JSONResponse({})


@pytest.fixture(scope="module")
def tab() -> Iterator[Tab]:
    hosts = {"localhost": "127.0.0.1"}  # where scripts may hash, as on https
    with browser(hosts, frozenset(hosts), frozenset(), lambda _: None) as opened:
        yield opened


@pytest.fixture
def site() -> Site:
    return Site()


@pytest.fixture
def url(site: Site, running: Running) -> Iterator[str]:
    with running(site.app()) as url:
        yield url.replace("127.0.0.1", "localhost")


def choose(tab: Tab, url: str, folder: Path) -> None:
    """Open the upload page and choose a file, so that Enter in the title uploads it."""
    clip = folder / "clip.mp4"
    clip.write_bytes(b"a video")
    tab.open(f"{url}/upload")
    tab.give("#file", clip)
    tab.focus("#title")


def until_said(tab: Tab, text: str) -> None:
    script = f"document.querySelector('#wrong').textContent === {text!r} || document.body.innerText"
    tab.until(script, within_s=WITHIN_S, what=f"the page says {text}")


def test_an_upload_that_cannot_be_completed_for_now_goes_on_by_itself(
    tab: Tab, site: Site, url: str, tmp_path: Path
) -> None:
    site.refusals[COMPLETE] = [503]
    choose(tab, url, tmp_path)
    seen = tab.follow(lambda: tab.press("Enter"))

    assert seen.url == f"{url}{PAGE}?done=uploaded"
    assert site.asked == [UPLOAD, STORE, COMPLETE, COMPLETE]


def test_an_upload_that_is_tried_again_makes_no_second_asset(tab: Tab, site: Site, url: str, tmp_path: Path) -> None:
    site.refusals[STORE] = [403]
    choose(tab, url, tmp_path)
    tab.press("Enter")
    until_said(tab, "The store refused the file (error 403). Please try again.")
    tab.focus("#title")
    tab.follow(lambda: tab.press("Enter"))

    assert site.asked == [UPLOAD, STORE, UPLOAD, STORE, COMPLETE]
    assert len(site.keys) == 2
    assert len(set(site.keys)) == 1


def test_an_upload_that_is_cancelled_is_deleted(tab: Tab, site: Site, url: str, tmp_path: Path) -> None:
    site.holding = True
    choose(tab, url, tmp_path)
    tab.press("Enter")
    tab.until("!document.querySelector('#cancel').hidden", within_s=WITHIN_S, what="something to cancel")
    tab.focus("#cancel")
    tab.press("Enter")
    until_said(tab, "Cancelled. Nothing was kept.")

    assert site.asked[-1] == DELETE
    assert not tab.elements("#cancel")[0].shown


def test_a_title_that_is_being_changed_is_not_thrown_away_when_the_video_is_ready(
    tab: Tab, site: Site, url: str
) -> None:
    site.refusals[EVENTS] = [503]
    site.asset = asset(status="processing", progress=40)
    tab.open(f"{url}{PAGE}")
    tab.focus("#title")
    tab.write("Another ")
    script = "document.querySelector('#said').textContent.startsWith('done') || document.body.innerText"
    tab.until(script, within_s=WITHIN_S, what="the page says that the video is ready")

    assert "Another" in tab.elements("#title")[0].value


def test_progress_goes_on_after_a_refusal(tab: Tab, site: Site, url: str) -> None:
    site.refusals[EVENTS] = [503]
    site.asset = asset(status="processing", progress=40)
    tab.open(f"{url}{PAGE}")
    tab.until("!document.querySelector('#state')", within_s=WITHIN_S, what="the video's own page")

    assert site.asked == [EVENTS, EVENTS]
