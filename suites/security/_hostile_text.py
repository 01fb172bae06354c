"""Texts that are harmless as data, and something else wherever a program takes them for code."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto

from seatrial.probes.browser import CANARY

EVIL = "attacker.example"
MARK = "data-canary"  # on every element that a text would make
INJECTED = "x-injected"


class Effect(Enum):
    """What a browser does with a text that a page did not escape."""

    NONE = auto()
    RUNS = auto()  # it calls the canary with the text's name
    ASKS = auto()  # it asks another site


@dataclass(frozen=True)
class Text:
    """One text, and what tells that it was taken for code."""

    name: str
    text: str
    effect: Effect = Effect.NONE


def html() -> Iterator[Text]:
    """Return texts that run, or ask another site, in a page that puts them in without escaping them."""
    for name, text in (
        ("a script", f"<script {MARK}>CALL</script>"),
        ("a script after the title", f"</title></textarea><script {MARK}>CALL</script>"),
        ("a script in capitals", f"<SCRIPT/{MARK}>CALL</SCRIPT>"),
        ("the handler of an image", f"<img {MARK} src=x: onerror='CALL'>"),
        ("out of an attribute", f'"><svg {MARK} onload="CALL"></svg>'),
        ("an attribute more", f"\" {MARK} autofocus onfocus='CALL' x=\""),
        ("an attribute more, single quotes", f"' {MARK} autofocus onfocus=\"CALL\" x='"),
        ("a frame with a script as its address", f"<iframe {MARK} src='javascript:parent.CALL'></iframe>"),
        ("a frame with its own page", f"<iframe {MARK} srcdoc='<script>parent.CALL</script>'></iframe>"),
        ("out of a comment", f"--><video {MARK} oncanplay=1><source onerror='CALL'></video>"),
    ):
        yield Text(name, text.replace("CALL", f"{CANARY}(`{name}`)"), Effect.RUNS)
    yield Text("a script of another site", f"<script {MARK} src=//{EVIL}/x.js></script>", Effect.ASKS)
    yield Text("an image of another site", f"<img {MARK} src=//{EVIL}/x.png>", Effect.ASKS)


def data(bystander: str) -> Iterator[Text]:
    """Return texts for other readers than browsers; what SQL could change is the asset `bystander` alone."""
    yield Text("entities", "&lt;b&gt; &amp;amp; &#60;i&#62;")
    yield Text("escapes of JSON", r"\u003cb\u003e \" \\ \/")
    yield Text("percent escapes", "%3Cb%3E %253Cb%253E %00")
    yield Text("full-width brackets", "\uff1cscript\uff1e 'ﬁ' \u212a")
    yield Text("reversed text", "clip\u202e4pm.exe\u202c \u200b\ufeff")
    yield Text("beyond the first plane", "\U0001f6a2 e\u0301 \u00e9 \u0130\u0131")
    yield Text("SQL, a condition", "' or '1'='1")
    yield Text("SQL, a second statement", f"'; update assets set title = 'taken' where id = '{bystander}'; --")  # noqa: S608 - it is meant to be
    yield Text("SQL, another column", "x', filename = 'injected")
    yield Text("SQL, an expression", "' || current_user || '")
    yield Text("SQL, a backslash", "\\'; select 1; --")
    yield Text("SQL, dollars", "$$ || $1 || $tag$; --")
    yield Text("SQL, a pattern", "%' or title like '%_")
    yield Text("placeholders", "%s %(title)s {0} {title} :title ?")
    yield Text("a template, braces", "{{ 7 * 7 }}{% if true %}!{% endif %}{# #}")
    yield Text("a template, inner parts", "{{ self.__init__.__globals__ }}")
    yield Text("a template, dollars", "${7 * 7} #{7 * 7} <%= 7 * 7 %>")
    yield Text("a command", "$(id) `id` ; id | id & id")
    yield Text("a path", "../../../etc/passwd\\..\\..\\x")
    yield Text("a header, percent", "x%0d%0aX-Injected: 1")
    # Whoever keeps the low byte of each character alone reads CR LF (CVE-2016-2216).
    yield Text("a header, by the low bytes", "x\u010d\u010aX-Injected: 1")
    yield Text("a header, other line ends", "x\u0085X-Injected: 1\u2028X-Injected: 1\u2029")


def refused() -> Iterator[Text]:
    """Return texts that no name may hold: they end lines, end strings, or are no characters."""
    yield Text("CR LF", "x\r\nX-Injected: 1")
    yield Text("a line feed", "x\nX-Injected: 1")
    yield Text("a zero", "x\x00y")
    yield Text("a tab", "x\ty")
    yield Text("an escape", "x\x1b[2Jy")
    yield Text("half a character", "x\ud800y")


def careless_page(text: str) -> str:
    """Return a page that puts a text, unescaped, into every kind of place that ours have."""
    return (
        f"<!doctype html><title>{text}</title><body><h1>{text}</h1><!-- {text} -->"
        f"<input value=\"{text}\"><input value='{text}'>"
    )
