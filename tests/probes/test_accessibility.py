"""The way of the focus through a page, and what axe-core says of one."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from seatrial.errors import Invalid
from seatrial.probes import accessibility
from seatrial.probes.accessibility import Stop
from seatrial.probes.browser import Tab, browser

URL = "https://app.example.test/"
FINE = "<a href=/x>Read</a><p>words</p><button>Send</button><input type=hidden name=no><button hidden>Gone</button>"


@pytest.fixture(scope="module")
def tab() -> Iterator[Tab]:
    with browser({}, frozenset({"app.example.test"}), frozenset(), lambda _: None) as opened:
        yield opened


def show(tab: Tab, body: str) -> None:
    html = f"<!doctype html><html lang=en><title>Page</title><body><main><h1>Page</h1>{body}</main></body></html>"
    assert tab.open_as(URL, html, {"Content-Type": "text/html"}).error is None


def test_the_focus_goes_to_every_control(tab: Tab) -> None:
    show(tab, FINE)
    walk = tab.walk()

    assert walk.stops == (Stop("a Read", shown=True, marked=True), Stop("button Send", shown=True, marked=True))
    assert walk.missed == ()


def test_the_walk_goes_round_wherever_it_begins(tab: Tab) -> None:
    show(tab, FINE)
    tab.focus("a")

    assert {stop.name for stop in tab.walk().stops} == {"a Read", "button Send"}


@pytest.mark.parametrize(("body", "stops"), [("<button>Send</button>", 1), ("<p>words</p>", 0)])
def test_a_page_with_next_to_no_control_ends_the_walk(tab: Tab, body: str, stops: int) -> None:
    show(tab, body)

    assert len(tab.walk().stops) == stops


def test_a_control_out_of_the_order_is_missed(tab: Tab) -> None:
    show(tab, FINE.replace("<button>", "<button tabindex=-1>"))

    assert tab.walk().missed == ("button Send",)


def test_a_focus_without_a_mark_is_told(tab: Tab) -> None:
    show(tab, f"<style>:focus {{ outline: none }}</style>{FINE}")

    assert [stop.marked for stop in tab.walk().stops] == [False, False]


def test_a_control_outside_of_the_window_is_told(tab: Tab) -> None:
    show(tab, f"<style>a {{ position: fixed; left: -500px }}</style>{FINE}")

    assert [stop.shown for stop in tab.walk().stops] == [False, True]


def test_a_player_is_one_stop(tab: Tab) -> None:
    show(tab, f"<video controls aria-label=Film></video>{FINE}")

    assert [stop.name for stop in tab.walk().stops] == ["video Film", "a Read", "button Send"]


def test_a_page_without_faults_passes_the_audit(tab: Tab) -> None:
    show(tab, FINE)
    audit = tab.audit("wcag2a", "wcag2aa")

    assert audit.violated == ()
    assert audit.passed["color-contrast"] >= 3


@pytest.mark.parametrize(
    ("body", "rule"),
    [
        ("<p style='color: #999'>words</p>", "color-contrast at p"),
        ("<input>", "label at input"),
        ("<button></button>", "button-name at button"),
    ],
)
def test_a_fault_is_named_with_its_place(tab: Tab, body: str, rule: str) -> None:
    show(tab, body)

    (violated,) = tab.audit("wcag2a", "wcag2aa").violated
    assert violated.startswith(rule)


def test_a_scheme_is_audited_as_it_is_preferred(tab: Tab) -> None:
    show(tab, "<style>@media (prefers-color-scheme: dark) { p { color: #999 } }</style><p>words</p>")
    light = tab.audit("wcag2aa").violated
    tab.in_the_dark(dark=True)
    dark = tab.audit("wcag2aa").violated
    tab.in_the_dark(dark=False)

    assert (len(light), len(dark)) == (0, 1)


def test_without_axe_nothing_is_known(tab: Tab, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(accessibility, "AXE", tmp_path / "axe.min.js")

    with pytest.raises(Invalid, match="make setup"):
        tab.audit("wcag2aa")
