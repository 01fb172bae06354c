"""A real browser, Chromium without a window, and what it saw of each page that it was led to."""

import base64
import contextlib
import os
import signal
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seatrial.errors import Failure, Invalid
from seatrial.eventually import eventually
from seatrial.probes import accessibility
from seatrial.probes.accessibility import Audit, Walk
from seatrial.probes.text import one_line, without_queries

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, CDPSession, Dialog, Page, Request

CHROMIUM = Path(".cache/node/chromium/chromium")
REMEDY = "run `make setup`, or name a Chromium in SEATRIAL_CHROMIUM"
CANARY = "seatrialCanary"
GIVEN_UP = "net::ERR_ABORTED"
_OF_THE_BODY = frozenset({"content-length", "content-encoding"})
START_S, PAGE_S, ANSWERS_S = 60.0, 30.0, 5.0
STREAMS = frozenset({"eventsource", "media", "websocket"})
# The answer of evaluate() comes after what the page's own tasks, its frames and two repaints have set off.
_SETTLED = """() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done))))"""
_LISTEN = """
document.addEventListener("securitypolicyviolation", event => seatrialViolation(
  `${event.effectiveDirective} refused ${event.blockedURI || "?"}: ${event.sample}`.trim()));
"""
_READ = """all => all.map(each => ({
  text: each.textContent, value: each.value ?? "", shown: each.checkVisibility(),
  attributes: Object.fromEntries(Array.from(each.attributes, one => [one.name, one.value]))}))"""


@dataclass(frozen=True)
class Element:
    """One element of a page: its text as it stands in the document, the value of a field, whether it is displayed."""

    text: str
    value: str
    shown: bool
    attributes: Mapping[str, str]


@dataclass(frozen=True)
class PageSeen:
    """What the browser saw of one page, until it was loaded and had nothing more to do at once.

    Attributes:
        url: where it ended, after redirects.
        status: of the document, None when there was none.
        error: one line when the page did not load; None otherwise.
        title: as the browser's tab shows it.
        canaries: what scripts called the canary with, in turn.
        dialogs: the texts of alerts and prompts, each dismissed.
        violations: what the Content-Security-Policy refused, "script-src-elem refused inline: ...".
        console: errors and warnings.
        asked: every URL that the page asked for, refused ones included.
        failed: what was asked for in vain, "404 GET https://..." without its query; what the page itself gave up is none.
    """

    url: str
    status: int | None
    error: str | None
    title: str
    canaries: tuple[str, ...]
    dialogs: tuple[str, ...]
    violations: tuple[str, ...]
    console: tuple[str, ...]
    asked: tuple[str, ...]
    failed: tuple[str, ...]


class Tab:
    """One tab. Scripts of a page may call `seatrialCanary(text)`, which tells that they ran."""

    def __init__(self, page: "Page", wire: "CDPSession", count: Callable[[str], None]) -> None:
        self._page, self._wire, self._count = page, wire, count
        self._change: Callable[[str], str] | None = None
        self._answer: tuple[str, Mapping[str, str]] | None = None
        self._seen: dict[str, list[str]] = {}
        self._under_way: set[Request] = set()
        self._loads = 0
        self._forget()
        page.expose_function(CANARY, lambda text="": self._seen["canaries"].append(str(text)))
        page.expose_function("seatrialViolation", lambda text: self._seen["violations"].append(_shown(text)))
        page.add_init_script(_LISTEN)
        page.on("dialog", self._dismiss)
        page.on("load", self._count_load)
        page.on("request", self._ask)
        page.on("requestfinished", self._end)
        page.on("requestfailed", self._fail)
        page.on("response", lambda answer: self._note_status(answer.status, answer.request))
        page.on("console", lambda said: self._seen["console"].append(_shown(f"{said.type}: {said.text}")))
        page.on("pageerror", lambda error: self._seen["console"].append(_shown(f"error: {error}")))
        wire.on("Fetch.requestPaused", self._pass_on)

    def open(self, url: str, change: Callable[[str], str] | None = None) -> PageSeen:
        """Go to the URL; `change` is given the document's text as it came and returns what the browser is to read.

        The answer's headers stay what they are, so that what is put into a page is under that page's own policy.
        """
        return self._load(url, change=change)

    def open_as(self, url: str, html: str, headers: Mapping[str, str]) -> PageSeen:
        """Go to the URL, where nobody is asked: the document is `html` under these headers and that URL's origin."""
        return self._load(url, answer=(html, headers))

    def submit(self, fields: Mapping[str, str], button: str) -> PageSeen:
        """Fill in fields (CSS selector -> value) of the page that is open, press a button, and see the next page."""
        self._forget()

        def act() -> Any:
            for selector, value in fields.items():
                self._page.fill(selector, value)
            with self._page.expect_navigation(wait_until="load") as awaited:
                self._page.click(button)
            return awaited.value

        return self._look(act)

    def follow(self, act: Callable[[], None]) -> PageSeen:
        """Do what leads to another page, and see that one."""
        self._forget()

        def acted() -> Any:
            with self._page.expect_navigation(wait_until="load") as awaited:
                act()
            return awaited.value

        return self._look(acted)

    def seen(self) -> PageSeen:
        """See what the open page has done since it was opened; its status is not known any more."""
        return self._look(lambda: None)

    def until(self, script: str, *, within_s: float, what: str) -> None:
        """Ask the open page, and those that come after it, until an expression is true; other values tell what is."""
        from playwright.sync_api import Error  # noqa: PLC0415 - see _look

        def ask() -> bool:
            try:
                seen = self._page.evaluate(script)
            except Error as error:  # the page that was asked is just left
                raise Failure(what, _shown(error.message)) from None
            if seen is not True:
                raise Failure(what, seen)
            return True

        eventually(ask, within_s=within_s, what=what)

    def press(self, *keys: str) -> None:
        """Press keys, "Tab" or "Enter", one after the other."""
        for key in keys:
            self._page.keyboard.press(key)

    def write(self, text: str) -> None:
        """Type a text where the focus is."""
        self._page.keyboard.type(text)

    def focus(self, selector: str) -> None:
        """Put the focus on an element, as the Tab key would."""
        self._page.focus(selector)

    def give(self, selector: str, file: Path) -> None:
        """Choose a file in a field for files, whose dialogue no page can see."""
        self._page.set_input_files(selector, file)

    def in_the_dark(self, *, dark: bool) -> None:
        """Prefer a dark colour scheme, or none, from now on."""
        self._page.emulate_media(color_scheme="dark" if dark else "light")

    def picture(self) -> bytes:
        """Return what the window shows, as PNG."""
        return self._page.screenshot()

    def walk(self) -> Walk:
        """Go through the open page by the Tab key, once round."""
        return accessibility.walk(self._page)

    def audit(self, *tags: str) -> Audit:
        """Let axe-core look at the open page by the rules with these tags ("wcag2aa"); raises Invalid without it."""
        return accessibility.audit(self._page, tags)

    def elements(self, selector: str) -> list[Element]:
        """Return the elements of the open page that a CSS selector finds."""
        return [Element(**found) for found in self._page.eval_on_selector_all(selector, _READ)]

    def evaluate(self, script: str) -> Any:
        """Return the JSON value of an expression in the open page, which its policy does not hold for."""
        return self._page.evaluate(script)

    def _load(self, url: str, **altered: Any) -> PageSeen:
        self._forget()
        self._change, self._answer = altered.get("change"), altered.get("answer")
        if altered:
            stage = "Response" if self._change else "Request"
            pattern = {"urlPattern": "*", "resourceType": "Document", "requestStage": stage}
            self._wire.send("Fetch.enable", {"patterns": [pattern]})
        try:
            return self._look(lambda: self._page.goto(url, wait_until="load"))
        finally:
            if altered:
                self._wire.send("Fetch.disable")

    def _look(self, act: Callable[[], Any]) -> PageSeen:
        from playwright.sync_api import Error  # noqa: PLC0415 - a third of a second that most checks do not need

        status, problem, title, loads = None, None, "", self._loads
        try:
            answer = act()
            self._page.evaluate(_SETTLED)
            self._wait(lambda: not self._under_way)  # the browser may tell of answers later than it shows the page
            self._under_way.clear()
            status, title = (answer.status if answer else None), self._page.title()
        except Error as error:
            problem = _shown(error.message)
            if "net::" in problem and GIVEN_UP not in problem:
                # The browser's own page about it comes now, and would be taken for the next one.
                self._wait(lambda: self._loads > loads)
        seen = {name: tuple(texts) for name, texts in self._seen.items()}
        return PageSeen(self._page.url, status, problem, title, **seen)

    def _forget(self) -> None:
        for name in ("canaries", "dialogs", "violations", "console", "asked", "failed"):
            self._seen[name] = []

    def _dismiss(self, dialog: "Dialog") -> None:
        self._seen["dialogs"].append(one_line(dialog.message))
        dialog.dismiss()

    def _wait(self, until: Callable[[], bool]) -> None:
        """Let the browser go on telling, for a while at most."""
        deadline = time.monotonic() + ANSWERS_S
        while not until() and time.monotonic() < deadline:
            self._page.wait_for_timeout(10)

    def _count_load(self, _page: "Page") -> None:
        self._loads += 1

    def _ask(self, request: "Request") -> None:
        self._count(request.method)
        self._seen["asked"].append(request.url)
        if request.resource_type not in STREAMS:
            self._under_way.add(request)

    def _end(self, request: "Request") -> None:
        self._under_way.discard(request)

    def _fail(self, request: "Request") -> None:
        self._end(request)
        if request.failure != GIVEN_UP:
            self._seen["failed"].append(_shown(f"{request.failure} {request.method} {request.url}"))

    def _note_status(self, status: int, request: "Request") -> None:
        if status >= 400:
            self._seen["failed"].append(_shown(f"{status} {request.method} {request.url}"))

    def _pass_on(self, paused: dict[str, Any]) -> None:
        """Give the browser another document in the place of the one that came, or of one that nobody was asked for."""
        number = {"requestId": paused["requestId"]}
        if self._answer:
            html, headers = self._answer
            self._fulfil(number, 200, [{"name": name, "value": value} for name, value in headers.items()], html)
        elif self._change and "location" not in {each["name"].lower() for each in paused.get("responseHeaders", ())}:
            came = self._wire.send("Fetch.getResponseBody", number)
            text = base64.b64decode(came["body"]).decode() if came["base64Encoded"] else came["body"]
            kept = [each for each in paused["responseHeaders"] if each["name"].lower() not in _OF_THE_BODY]
            self._fulfil(number, paused["responseStatusCode"], kept, self._change(text))
        else:
            self._wire.send("Fetch.continueRequest", number)

    def _fulfil(self, number: dict[str, Any], status: int, headers: list[dict[str, str]], html: str) -> None:
        body = base64.b64encode(html.encode()).decode()
        answer = {"responseCode": status, "responseHeaders": headers, "body": body}
        self._wire.send("Fetch.fulfillRequest", {**number, **answer})


def _shown(text: str) -> str:
    return one_line(without_queries(text))


@contextlib.contextmanager
def browser(
    resolve: Mapping[str, str], reachable: frozenset[str], trusted: frozenset[str], count: Callable[[str], None]
) -> Iterator[Tab]:
    """Start a browser with a profile of its own, give its tab, and end every process of it; raises Invalid without one.

    Args:
        resolve: host -> address.
        reachable: hosts that the browser may look up itself; every other name is not found.
        trusted: SHA-256, in Base64, of public keys: a chain that holds one is believed, as a private authority's is.
        count: called with the method of each request.

    """
    program = Path(os.environ.get("SEATRIAL_CHROMIUM") or CHROMIUM).resolve()
    if not os.access(program, os.X_OK):
        raise Invalid(f"there is no browser at {program}: {REMEDY}")
    with tempfile.TemporaryDirectory(prefix="seatrial-browser-", ignore_cleanup_errors=True) as folder:
        own = Path(folder)
        try:
            with _context(program, own, _switches(resolve, reachable, trusted)) as context:
                page = context.pages[0]
                page.set_default_timeout(PAGE_S * 1000)
                yield Tab(page, context.new_cdp_session(page), count)
        finally:
            _end_group(own / "pid")


@contextlib.contextmanager
def _context(program: Path, own: Path, switches: list[str]) -> "Iterator[BrowserContext]":
    from playwright.sync_api import Error, sync_playwright  # noqa: PLC0415 - see _look

    with contextlib.ExitStack() as stack:
        try:
            driver = stack.enter_context(sync_playwright())
            context = driver.chromium.launch_persistent_context(
                own / "data",
                executable_path=_launcher(program, own),
                headless=True,
                args=switches,
                env=_environment(program, own),
                timeout=START_S * 1000,
                # The driver ends when its pipe to this process closes, however this process ended.
                handle_sigint=False,
                handle_sigterm=False,
                handle_sighup=False,
            )
        except Error as error:
            said = one_line(error.message)
            raise Invalid(f"the browser at {program} does not start: {said}; {REMEDY}") from None
        stack.callback(context.close)
        yield context


def _switches(resolve: Mapping[str, str], reachable: frozenset[str], trusted: frozenset[str]) -> list[str]:
    rules = [f"MAP {host} {address}" for host, address in sorted(resolve.items())]
    rules += [f"EXCLUDE {host}" for host in sorted(reachable - set(resolve))]
    switches = [f"--host-resolver-rules={', '.join([*rules, 'MAP * ~NOTFOUND'])}", "--no-zygote", "--disable-gpu"]
    return switches + ([f"--ignore-certificate-errors-spki-list={','.join(sorted(trusted))}"] if trusted else [])


def _launcher(program: Path, own: Path) -> Path:
    """Write a program that tells the id of the browser's process group, and has the kernel end it with the driver."""
    launcher = own / "launch"
    launcher.write_text(f"#!/bin/sh\necho $$ > '{own / 'pid'}'\nexec setpriv --pdeathsig=KILL -- '{program}' \"$@\"\n")
    launcher.chmod(0o700)
    return launcher


def _environment(program: Path, own: Path) -> dict[str, str | float | bool]:
    """Return the browser's environment: none of ours but PATH, and the libraries and fonts that lie beside it."""
    environment: dict[str, str | float | bool] = {"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "HOME": str(own)}
    if (libraries := program.parent / "lib").is_dir():
        environment["LD_LIBRARY_PATH"] = str(libraries)
    if (fonts := program.parent / "fonts").is_dir():
        configuration = own / "fonts.conf"
        configuration.write_text(f"<fontconfig><dir>{fonts}</dir><cachedir>{own / 'fonts'}</cachedir></fontconfig>")
        environment["FONTCONFIG_FILE"] = str(configuration)
    return environment


def _end_group(file: Path) -> None:
    """Kill what is left of the browser's process group."""
    with contextlib.suppress(FileNotFoundError, ValueError, ProcessLookupError):
        os.killpg(int(file.read_text()), signal.SIGKILL)
