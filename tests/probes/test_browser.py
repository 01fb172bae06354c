"""The browser: it really runs what pages say, tells of it, and reaches our hosts alone."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from seatrial.errors import Failure
from seatrial.probes.browser import Tab, browser
from tests.probes.conftest import Serve, read_head

PAGES = {
    "/plain": ("", "<title>Plain</title><h1>Hello</h1><input id=name value=x><p hidden>gone</p>"),
    "/script": ("", "<script>seatrialCanary('ran'); alert('boo')</script>"),
    "/strict": ("default-src 'none'", "<main></main>"),
    "/frame": ("", "<iframe srcdoc=\"<script>parent.seatrialCanary('framed')</script>\"></iframe>"),
    "/signed": (
        "img-src 'none'",
        "<img src='/x.png?sig=SIGNED'><script>console.error(`${location}?sig=SIGNED`)</script>",
    ),
    "/elsewhere": ("", "<img src='//other.example/x.png'>"),
    "/lost": ("", "<title>Lost</title><script type=module src=/missing.js?secret></script>"),
    "/slow": ("", "<script>setTimeout(() => location.replace('/plain'), 200)</script>"),
    "/file": ("", "<input id=file type=file><p id=name></p>"),
    "/form": ("", "<form action=/plain><input id=text name=text><button>Go</button></form>"),
}
RUNS = "<script>seatrialCanary('put in')</script>"


def pages(connection: socket.socket) -> None:
    """Answer with the page of the path that is asked for, and close the connection."""
    if head := read_head(connection):
        if head.startswith(b"GET /missing.js"):
            connection.sendall(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            return
        policy, html = PAGES.get(head.split(b" ")[1].decode().partition("?")[0], ("", "<h1>none</h1>"))
        said = f"Content-Security-Policy: {policy}\r\n" if policy else ""
        body = html.encode()
        start = f"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n{said}Content-Length: {len(body)}\r\nConnection: close"
        connection.sendall(f"{start}\r\n\r\n".encode() + body)


@pytest.fixture(scope="module")
def tab() -> Iterator[Tab]:
    hosts = {"app.example.test": "127.0.0.1"}
    with browser(hosts, frozenset(hosts), frozenset(), lambda _: None) as opened:
        yield opened


@pytest.fixture
def app(serve: Serve) -> str:
    return f"http://app.example.test:{serve(pages).port}"


def test_a_page_is_seen(tab: Tab, app: str) -> None:
    seen = tab.open(f"{app}/plain")

    assert (seen.url, seen.status, seen.error, seen.title) == (f"{app}/plain", 200, None, "Plain")
    assert (seen.canaries, seen.dialogs, seen.violations) == ((), (), ())
    (heading,), (field,), (hidden,) = (tab.elements(each) for each in ("h1", "#name", "p"))
    assert (heading.text, heading.shown, field.value, hidden.shown) == ("Hello", True, "x", False)
    assert field.attributes == {"id": "name", "value": "x"}


@pytest.mark.parametrize(("path", "canary"), [("/script", "ran"), ("/frame", "framed")])
def test_a_script_tells_that_it_ran(tab: Tab, app: str, path: str, canary: str) -> None:
    assert tab.open(f"{app}{path}").canaries == (canary,)


def test_a_dialog_is_dismissed_and_told(tab: Tab, app: str) -> None:
    assert tab.open(f"{app}/script").dialogs == ("boo",)


def test_what_is_put_into_a_page_is_under_its_policy(tab: Tab, app: str) -> None:
    seen = tab.open(f"{app}/strict", change=lambda html: html.replace("</main>", f"{RUNS}</main>"))

    assert seen.canaries == ()
    assert [each.partition(":")[0] for each in seen.violations] == ["script-src-elem refused inline"]


def test_what_is_put_into_a_page_without_a_policy_runs(tab: Tab, app: str) -> None:
    assert tab.open(f"{app}/plain", change=lambda html: html + RUNS).canaries == ("put in",)


def test_a_document_of_ours_needs_no_server(tab: Tab) -> None:
    seen = tab.open_as("https://app.example.test/", f"<title>Ours</title>{RUNS}", {"Content-Type": "text/html"})

    assert (seen.title, seen.canaries, seen.violations) == ("Ours", ("put in",), ())


def test_other_hosts_are_not_found_but_told(tab: Tab, app: str) -> None:
    seen = tab.open(f"{app}/elsewhere")

    assert "http://other.example/x.png" in seen.asked
    assert "ERR_NAME_NOT_RESOLVED" in str(tab.open("http://other.example/").error)


def test_a_form_is_filled_in_and_sent(tab: Tab, app: str) -> None:
    tab.open(f"{app}/form")
    seen = tab.submit({"#text": "words"}, "button")

    assert (seen.url, seen.title) == (f"{app}/plain?text=words", "Plain")


def test_a_server_that_is_gone_is_an_error(tab: Tab) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    seen = tab.open(f"http://app.example.test:{port}/")

    assert seen.status is None
    assert "ERR_CONNECTION_REFUSED" in str(seen.error)


def test_what_was_asked_for_in_vain_is_told_without_its_query(tab: Tab, app: str) -> None:
    tab.open("http://other.example/")
    seen = tab.open(f"{app}/lost")

    assert seen.failed == (f"404 GET {app}/missing.js?…",)
    assert [each.partition(":")[0] for each in seen.console] == ["error"]


def test_what_a_page_says_holds_no_value_of_a_query(tab: Tab, app: str) -> None:
    seen = tab.open(f"{app}/signed")

    assert seen.violations == (f"img-src refused {app}/x.png?…",)
    assert f"error: {app}/signed?…" in seen.console
    assert "SIGNED" not in f"{seen.console}"


def test_a_page_is_used_by_the_keyboard(tab: Tab, app: str) -> None:
    tab.open(f"{app}/form")
    tab.focus("#text")
    tab.write("words")
    seen = tab.follow(lambda: tab.press("Enter"))

    assert (seen.url, seen.status) == (f"{app}/plain?text=words", 200)
    assert tab.seen().title == "Plain"


def test_a_state_is_waited_for_while_pages_change(tab: Tab, app: str) -> None:
    tab.open(f"{app}/slow")
    tab.until("document.title === 'Plain' || document.title", within_s=10.0, what="the plain page")

    with pytest.raises(Failure, match=r"the slow page within 0.2 s; saw .*Plain"):
        tab.until("document.title === 'Slow' || document.title", within_s=0.2, what="the slow page")


def test_a_file_is_given_and_a_picture_is_taken(tab: Tab, app: str, tmp_path: Path) -> None:
    (tmp_path / "clip.mp4").write_bytes(b"x")
    tab.open(f"{app}/file")
    tab.give("#file", tmp_path / "clip.mp4")

    assert tab.evaluate("document.getElementById('file').files[0].name") == "clip.mp4"
    assert tab.picture().startswith(b"\x89PNG")
