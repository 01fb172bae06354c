"""The site as a person uses it, in a real browser."""

from urllib.parse import urlsplit

from seatrial import BLOCKER, Exercise, Failure, check, require
from seatrial.cases import Cases
from seatrial.probes.browser import PageSeen, Tab
from seatrial.probes.text import without_queries
from suites.client import Session, generated_clip, require_removable_masters, signed_in
from suites.deploy._pages import Pages, require_quiet
from suites.security._browser import leave

FEWEST_CASES = 20
PLAY_WITHIN_S = 20.0
DURATION_WITHIN_S = 0.3
_READABLE = """(() => {
  const player = document.querySelector("video");
  if (!player) return `no player at ${location.pathname}: ${document.querySelector("main").innerText.slice(0, 200)}`;
  if (player.error) return `error ${player.error.code}: ${player.error.message}`;
  return player.readyState >= 1 || `the player's readyState is ${player.readyState}`;
})()"""
_WATCHED = """(() => {
  const player = document.querySelector("video");
  return player.ended || `${player.currentTime} s played, paused ${player.paused}, error ${player.error?.message}`;
})()"""
# The edge refuses a link that has ended as it refuses one that is bent; the latter needs no waiting.
_REFUSED = "document.querySelector('video').src += 'x'"
_SHOWN = """(() => {
  const player = document.querySelector("video"), { totalVideoFrames, droppedVideoFrames } = player.getVideoPlaybackQuality();
  return { width: player.videoWidth, height: player.videoHeight, duration_s: player.duration,
    played_s: player.currentTime, frames: totalVideoFrames - droppedVideoFrames };
})()"""


@check("DEP-WEB-01", severity=BLOCKER, component="frontend")
def test_a_person_can_use_the_site(exercise: Exercise) -> None:
    """In a real browser a person signs in, uploads, watches the preview play, promotes and signs out, by keyboard.

    Why it matters: a script that does not parse, a policy that forbids the player, or a preview that only FFmpeg can read
    leave every API check green, and nobody can use the product. Whoever cannot see the focus, or the text, cannot either.

    How it is measured: Chromium, with a profile of its own, signs in by the form, uploads a generated clip of 2 s by the
    upload page, waits until the player can read the preview (targets.preview_s), plays it to its end by the space bar,
    makes it a master and signs out; every step is a key press. The player must show the clip's size and length, advance,
    and paint frames. Given a link that the edge refuses, as it does one that has ended, the player must get another from
    its page and play to the end. After signing out the asset's page must lead to the sign-in. On each of the pages on the
    way: nothing in the console at error or warning, no violation of the policy, no request that failed or was answered with
    4xx or 5xx; every control is reached by the Tab key, lies in the window then and looks otherwise than without the focus;
    axe-core finds no rule of WCAG 2.2 A and AA broken, in light and in dark; a page to which it applied almost no rule is
    INVALID. Pictures of the pages are in the report. The asset is removed by the API.

    Not covered: where a player goes on whose link ended in the middle; other browsers; the dialogue in which a file is
    chosen; what rules cannot tell (reading order, sense); whether the picture resembles the source (DEP-FLOW-01).
    """
    require_removable_masters(exercise)
    session = signed_in(exercise)
    exercise.cleanup(_remove_own, exercise, session)
    with exercise.browser.start() as tab, exercise.cases(at_least=FEWEST_CASES) as cases:
        pages = Pages(exercise, cases, tab)
        try:
            with cases("the whole way"):
                _way(exercise, cases, tab, pages)
        finally:
            exercise.evidence("pages", pages.measured)
            leave(tab, exercise.profile.urls["app"])


def _remove_own(exercise: Exercise, session: Session) -> None:
    for asset in session.assets():
        if exercise.marker in asset.title:
            session.remove(asset.id)


def _way(exercise: Exercise, cases: Cases, tab: Tab, pages: Pages) -> None:
    app = exercise.profile.urls["app"]
    clip = generated_clip(seed=3, duration_s=2, width=640, height=360, frames_per_s=15)
    pages.look(tab.open(f"{app}/sign-in"), "the sign-in page")
    email, password = exercise.account
    tab.focus("#email")
    tab.write(email)
    tab.press("Tab")
    tab.write(password)
    seen = tab.follow(lambda: tab.press("Enter"))
    _require_at(seen, "/", "the list after signing in")
    pages.look(seen, "the list")
    seen = _pressed(tab, "role=link[name='Upload']")
    pages.look(seen, "the upload page")
    tab.give("#file", clip.path)
    tab.focus("#title")
    tab.press("Control+A")
    tab.write(exercise.marker)
    seen = tab.follow(lambda: tab.press("Enter"))
    asset = urlsplit(seen.url).path
    require(asset.startswith("/assets/"), "the page of the new asset after uploading", _said(seen, tab))
    try:
        tab.until(_READABLE, within_s=float(exercise.target("preview_s")), what="a preview that the browser can read")
    except Failure:
        require_quiet(tab.seen(), "an asset")  # tells why, where the browser knows it
        raise
    pages.look(tab.seen(), "an asset")
    with cases("the preview plays"):
        _watch(exercise, tab, clip.width, clip.height, clip.duration_s)
    with cases("the preview plays when its link has ended"):
        tab.evaluate(_REFUSED)
        tab.until(_READABLE, within_s=PLAY_WITHIN_S, what="a preview that can be read by another link")
        _play(tab, clip.duration_s)
    seen = _pressed(tab, "role=button[name='Promote to master']")
    _require_at(seen, asset, "the asset after promoting")
    promoted = [each.text for each in tab.elements("dt") if each.text == "Master"]
    require(promoted, "a master in the details after promoting", _said(seen, tab))
    pages.look(seen, "a master")
    seen = _pressed(tab, "role=button[name='Sign out']")
    _require_at(seen, "/sign-in", "the sign-in page after signing out")
    require_quiet(seen, "signing out")
    _require_at(tab.open(f"{app}{asset}"), "/sign-in", "the sign-in page in the place of an asset, signed out")


def _pressed(tab: Tab, selector: str) -> PageSeen:
    """Put the focus on a link or a button and press Enter."""
    require(tab.elements(selector), f"one {selector} to press", tab.elements("h1"))
    tab.focus(selector)
    return tab.follow(lambda: tab.press("Enter"))


def _require_at(seen: PageSeen, path: str, what: str) -> None:
    require(
        seen.error is None and urlsplit(seen.url).path == path,
        what,
        seen.error or f"{seen.status} at {without_queries(seen.url)}",
    )


def _said(seen: PageSeen, tab: Tab) -> str:
    """Say where the browser is, and what the page tells its reader."""
    told = [each.text for each in tab.elements("[role=alert], [role=status], h1") if each.shown and each.text]
    return f"{seen.error or seen.status} at {urlsplit(seen.url).path}: {told}; {list(seen.failed + seen.console)[:3]}"


def _watch(exercise: Exercise, tab: Tab, width: int, height: int, duration_s: float) -> None:
    _play(tab, duration_s)
    shown = tab.evaluate(_SHOWN)
    exercise.evidence("the player", shown)
    exercise.picture("the preview played", tab.picture())
    size = (shown["width"], shown["height"])
    require(size == (width, height), f"a picture of {width} x {height} in the player", f"{size[0]} x {size[1]}")
    for name in ("duration_s", "played_s"):
        near = abs(shown[name] - duration_s) <= DURATION_WITHIN_S
        require(near, f"{name} {duration_s:g} within {DURATION_WITHIN_S:g} in the player", shown[name])
    require(shown["frames"] > 1, "frames painted", shown["frames"])


def _play(tab: Tab, duration_s: float) -> None:
    tab.focus("video")
    tab.press("Space")
    tab.until(_WATCHED, within_s=duration_s + PLAY_WITHIN_S, what="the preview played to its end")
