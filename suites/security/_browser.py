"""The frontend as a browser uses it: cookies, forms, scripts, and where a redirect leads."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http.cookies import SimpleCookie
from urllib.parse import urlsplit

from seatrial import Exercise, Failure
from seatrial.probes.browser import Tab
from seatrial.probes.http import HttpAnswer

PAGE = {"Accept": "text/html"}
SIGN_OUT = "form[action='/sign-out']"
_IGNORED = str.maketrans("", "", "\t\r\n")  # browsers remove them anywhere in a URL (WHATWG URL, "basic URL parser", 3)
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")


def lands_at(base: str, location: str) -> str:
    """Return the origin, or the scheme without one, to which a browser goes from `base` by this Location.

    By the URL standard and not by RFC 3986: backslashes are slashes, tabs and line ends are nothing, and any number of
    slashes begins a host.
    """
    here = urlsplit(base)
    text = location.strip("".join(map(chr, range(0x21)))).translate(_IGNORED).replace("\\", "/")
    named = _SCHEME.match(text)
    scheme, rest = (named[0][:-1].lower(), text[named.end() :]) if named else (here.scheme, text)
    if scheme not in {"http", "https"}:
        return f"{scheme}:"
    if named and scheme == here.scheme and not rest.startswith("/"):
        return f"{here.scheme}://{here.netloc}"  # "https:path" is relative to a page of the same scheme
    if not named and not rest.startswith("//"):
        return f"{here.scheme}://{here.netloc}"
    host = re.split(r"[/?#]", rest.lstrip("/"), maxsplit=1)[0].rpartition("@")[2]
    return f"{scheme}://{host.lower()}"


@dataclass(frozen=True)
class Browser:
    """A reader who is signed in at the frontend; `via` talks to one instance instead of the public host."""

    exercise: Exercise
    cookies: Mapping[str, str]
    via: str | None = None

    @property
    def origin(self) -> str:
        """The origin of our own pages."""
        return self.exercise.profile.urls["app"]

    def send(
        self,
        method: str,
        path: str,
        *,
        data: bytes | str | dict[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        via: str | None = None,
    ) -> HttpAnswer:
        """Send the cookies and what is given, and nothing of what a browser would add of itself."""
        cookie = {"Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items())}
        sent = {**(cookie if self.cookies else {}), **(headers or {})}
        return self.exercise.http.request(method, f"app:{path}", data=data, headers=sent, via=via or self.via)


def signed_in_browser(exercise: Exercise) -> Browser:
    """Sign in by the form, as a browser does, and sign out when the check ends."""
    email, password = exercise.account
    browser = Browser(exercise, {})
    answer = browser.send(
        "POST",
        "/sign-in",
        data={"email": email, "password": password, "next": "/"},
        headers={"Origin": browser.origin, **PAGE},
    )
    if answer.status != 303:
        raise Failure("303 for signing in by the form", answer.error or f"{answer.status}", "frontend")
    return let_in(exercise, answer)


def let_in(exercise: Exercise, answer: HttpAnswer) -> Browser:
    """Return who has the cookies of an answer to the form; it is signed out when the check ends."""
    mine = Browser(exercise, {name: morsel.value for name, morsel in cookies_of(answer).items()})
    exercise.cleanup(mine.send, "POST", "/sign-out", headers={"Origin": mine.origin})
    return mine


def cookies_of(answer: HttpAnswer) -> SimpleCookie:
    """Return the cookies that an answer sets, with their attributes."""
    jar = SimpleCookie()
    for each in answer.headers.get_list("set-cookie"):
        jar.load(each)
    return jar


def leave(tab: Tab, app: str) -> None:
    """Sign out by the button, unless nobody is signed in any more."""
    tab.open(f"{app}/upload")
    if tab.elements(SIGN_OUT):
        tab.submit({}, f"{SIGN_OUT} button")


def named_paths(text: str, values: Mapping[str, str]) -> set[str]:
    """Return every path that a page or a script names; `${...}` in a script is what `values` has for its last word."""
    quoted = set(re.findall(r"[\"'`](/(?!/)[^\"'`\s<>]*)[\"'`]", text))
    filled = {
        re.sub(r"\$\{[^}]*?(\w+)\}", lambda found: values.get(found[1], found[1]), each.partition("?")[0])
        for each in quoted
    }
    return {each for each in filled if not each.startswith("/static/")}


def routes(browser: Browser, *asset_ids: str) -> Iterator[tuple[str, str]]:
    """Give method and path of every route that pages and scripts name, those of these assets among them.

    What a path takes is asked of the server: a method that nothing takes is answered with Allow (RFC 9110, 15.5.6).
    """
    own = [f"/assets/{asset_id}" for asset_id in asset_ids]
    texts = [browser.send("GET", path, headers=PAGE).text for path in ("/", "/upload", *own)]
    texts.append(browser.exercise.http.get("app:/sign-in", headers=PAGE).text)
    scripts = sorted({each for text in texts for each in re.findall(r'src="(/static/[^"]+\.js)"', text)})
    seen = set(scripts)
    while scripts:
        script = browser.exercise.http.get(f"app:{scripts.pop()}").text
        texts.append(script)
        more = {f"/static/{name}" for name in re.findall(r'from "\./([^"]+\.js)"', script)} - seen
        seen |= more
        scripts += sorted(more)
    for path in sorted({path for text in texts for path in named_paths(text, {"id": asset_ids[0]})}):
        answer = browser.send("PROPFIND", path, headers={"Origin": browser.origin})
        allowed = {each.strip() for each in answer.headers.get("allow", "").split(",")}
        for method in sorted(allowed & {"GET", "POST", "PUT", "PATCH", "DELETE"}):
            yield method, path


def unsafe_routes(browser: Browser, asset_id: str) -> Iterator[tuple[str, str]]:
    """Give method and path of every route that takes more than reading."""
    return (route for route in routes(browser, asset_id) if route[0] != "GET")
