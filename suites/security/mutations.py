"""Every way in which a signed link can be bent: each signed field by each operator, generated from both lists."""

import base64
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from urllib.parse import urlsplit

IN_PATH = ("asset_id", "variant")
IN_QUERY = ("exp", "kid", "sig")
FIELDS = ("method", "host", *IN_PATH, *IN_QUERY)
OPERATORS = ("flip", "swap", "drop", "double", "empty", "truncate", "reorder", "re-encode", "case", "extra")
UNIFORM = frozenset({403})
# A method or a host that is no valid one may be refused by the server itself, before anything is verified.
EARLY = frozenset({400, 403, 404, 405, 421, 501})
_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


@dataclass(frozen=True)
class Link:
    """A playback link taken apart: `/v/{asset_id}/{variant}?exp=..&kid=..&sig=..` at `host`."""

    host: str
    asset_id: str
    variant: str
    query: tuple[tuple[str, str], ...]
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict)
    path: str | None = None

    @classmethod
    def parse(cls, url: str) -> "Link":
        """Take a link apart as text, without decoding anything."""
        parts = urlsplit(url)
        _, _, asset_id, variant = parts.path.split("/")
        pairs = tuple((name, value) for name, _, value in (pair.partition("=") for pair in parts.query.split("&")))
        return cls(parts.netloc, asset_id, variant, pairs)

    @property
    def target(self) -> str:
        """The path and the query as they are sent."""
        path = self.path if self.path is not None else f"/v/{self.asset_id}/{self.variant}"
        return f"{path}?{'&'.join(f'{name}={value}' for name, value in self.query)}"

    def value(self, name: str) -> str:
        """Return a signed field's value."""
        return dict(self.query)[name] if name in IN_QUERY else str(getattr(self, name))

    def with_value(self, name: str, value: str) -> "Link":
        """Return the link with one field changed."""
        if name in IN_QUERY:
            return replace(self, query=tuple((key, value if key == name else old) for key, old in self.query))
        return replace(self, asset_id=value) if name == "asset_id" else replace(self, variant=value)


@dataclass(frozen=True)
class Mutant:
    """One bent link and the statuses that refuse it; for an equivalent one `refusals` is empty."""

    field: str
    operator: str
    link: Link
    refusals: frozenset[int]
    note: str = ""

    def __str__(self) -> str:
        return f"{self.field} {self.operator}{f' ({self.note})' if self.note else ''}"


def mutants(link: Link) -> list[Mutant]:
    """Return every mutant that differs from the link."""
    found = [*_of_values(link), *_of_path(link), *_of_query(link), *_of_method(link), *_of_host(link)]
    return [each for each in found if each.link != link]


def equivalents(link: Link) -> list[Mutant]:
    """Return what means the same and must pass: HEAD of a GET link, the host in another case."""
    nothing: frozenset[int] = frozenset()
    return [
        Mutant("method", "swap", replace(link, method="HEAD"), nothing, "HEAD of a GET link"),
        Mutant("host", "case", replace(link, host=link.host.upper()), nothing, "a host has no case"),
    ]


def _of_values(link: Link) -> Iterator[Mutant]:
    for name in (*IN_PATH, *IN_QUERY):
        value = link.value(name)
        for operator, new, note in _values(name, value):
            yield Mutant(name, operator, link.with_value(name, new), UNIFORM, note)


def _values(name: str, value: str) -> Iterator[tuple[str, str, str]]:
    other = {"0": "1", "a": "b"}.get(value[0], "0" if value[0].isdigit() else "a")
    yield "flip", other + value[1:], "first character"
    yield "flip", value[:-1] + ("0" if value[-1] != "0" else "1"), "last character"
    yield "empty", "", ""
    yield "truncate", value[:-1], ""
    yield "double", value + value, "the value twice"
    yield "case", value.swapcase(), ""
    yield "re-encode", f"%{ord(value[0]):02X}{value[1:]}", "percent-encoded"
    yield "re-encode", f"{value}%00", "with a zero byte"
    yield "re-encode", f"%20{value}", "with a space before"
    yield "re-encode", f"{value}%0A", "with a line feed after"
    yield from _own_values(name, value)


def _own_values(name: str, value: str) -> Iterator[tuple[str, str, str]]:
    """Return what only this field can be: other spellings of the same thing, and other genuine values."""
    match name:
        case "asset_id":
            yield "swap", str(uuid.uuid4()), "another asset"
            yield "re-encode", value.replace("-", ""), "without hyphens"
            yield "re-encode", "{" + value + "}", "in braces"
        case "variant":
            yield "swap", "poster" if value == "preview" else "preview", "another variant"
            yield "extra", f"{value}.mp4", "with a suffix"
        case "exp":
            yield "swap", str(int(value) + 60), "a minute later"
            yield "swap", str(int(value) - 1), "a second earlier"
            yield "re-encode", f"0{value}", "leading zero"
            yield "re-encode", f"+{value}", "plus sign"
            yield "re-encode", f"{value}.0", "with a fraction"
            yield "re-encode", hex(int(value)), "hexadecimal"
        case "kid":
            yield "swap", "k0", "another key id"
            yield "swap", "none", "no key"
        case "sig":
            yield "swap", base64.urlsafe_b64encode(bytes(32)).rstrip(b"=").decode(), "zeros"
            yield "re-encode", f"{value}=", "padded"
            yield "re-encode", value[:-1] + _same_bits(value[-1]), "another last character for the same bytes"
            yield "re-encode", base64.urlsafe_b64decode(value + "=").hex(), "hexadecimal"


def _same_bits(last: str) -> str:
    """Return another last character that a lax decoder reads as the same 32 bytes (two of its six bits are unused)."""
    return _ALPHABET[_ALPHABET.index(last) ^ 1]


def _of_path(link: Link) -> Iterator[Mutant]:
    asset_id, variant = link.asset_id, link.variant
    for name, operator, path in (
        ("asset_id", "drop", f"/v/{variant}"),
        ("variant", "drop", f"/v/{asset_id}"),
        ("variant", "drop", f"/v/{asset_id}/"),
        ("asset_id", "double", f"/v/{asset_id}/{asset_id}/{variant}"),
        ("variant", "double", f"/v/{asset_id}/{variant}/{variant}"),
        ("asset_id", "reorder", f"/v/{variant}/{asset_id}"),
        ("asset_id", "extra", f"/v/{asset_id};x=1/{variant}"),
        ("variant", "extra", f"/v/{asset_id}/{variant}/"),
        ("variant", "extra", f"/v/{asset_id}/{variant};x=1"),
        ("asset_id", "re-encode", f"/v//{asset_id}/{variant}"),
        ("asset_id", "re-encode", f"/v/./{asset_id}/{variant}"),
        ("variant", "re-encode", f"/v/{asset_id}%2F{variant}"),
    ):
        yield Mutant(name, operator, replace(link, path=path), UNIFORM, path.replace(asset_id, "ID"))


def _of_query(link: Link) -> Iterator[Mutant]:
    pairs = dict(link.query)
    for name in IN_QUERY:
        pair, rest = (name, pairs[name]), tuple(each for each in link.query if each[0] != name)
        yield Mutant(name, "drop", replace(link, query=rest), UNIFORM)
        yield Mutant(name, "double", replace(link, query=(*link.query, pair)), UNIFORM, "at the end")
        yield Mutant(name, "double", replace(link, query=(pair, *link.query)), UNIFORM, "at the front")
        yield Mutant(name, "reorder", replace(link, query=(pair, *rest)), UNIFORM, "to the front")
        yield Mutant(name, "reorder", replace(link, query=(*rest, pair)), UNIFORM, "to the end")
        shouted = tuple((key.upper() if key == name else key, value) for key, value in link.query)
        yield Mutant(name, "case", replace(link, query=shouted), UNIFORM, "of the name")
        coded = tuple((f"%{ord(key[0]):02X}{key[1:]}" if key == name else key, value) for key, value in link.query)
        yield Mutant(name, "re-encode", replace(link, query=coded), UNIFORM, "of the name")
        at = link.query.index(pair)
        added = (*link.query[: at + 1], ("x", "1"), *link.query[at + 1 :])
        yield Mutant(name, "extra", replace(link, query=added), UNIFORM, "a parameter after it")
    yield Mutant("sig", "extra", replace(link, query=(("x", "1"), *link.query)), UNIFORM, "a parameter at the front")


def _of_method(link: Link) -> Iterator[Mutant]:
    for operator, method in (
        ("swap", "POST"),
        ("swap", "PUT"),
        ("swap", "DELETE"),
        ("swap", "PATCH"),
        ("swap", "OPTIONS"),
        ("flip", "GAT"),
        ("truncate", "GE"),
        ("double", "GETGET"),
    ):
        yield Mutant("method", operator, replace(link, method=method), EARLY, method)


def _of_host(link: Link) -> Iterator[Mutant]:
    name, _, port = link.host.partition(":")
    first = "q" if name[0] != "q" else "p"
    said = {"X-Forwarded-Host": link.host, "Forwarded": f'host="{link.host}"', "X-Original-Host": link.host}
    for operator, host, note in (
        ("flip", first + link.host[1:], ""),
        ("swap", "127.0.0.1" + (f":{port}" if port else ""), "an address"),
        ("swap", f"{name}:{int(port or 443) ^ 1}", "another port"),
        ("drop", name if port else f"{name}:443", "the port" if port else "a port added"),
        ("double", f"{name}.{link.host}", ""),
        ("empty", "", ""),
        ("truncate", name[:-1] + (f":{port}" if port else ""), ""),
        ("extra", f"{name}." + (f":{port}" if port else ""), "a final dot"),
        ("extra", f"{name}.attacker.example", "a suffix"),
    ):
        yield Mutant("host", operator, replace(link, host=host), EARLY, note)
    forged = replace(link, host=first + link.host[1:], headers=said)
    yield Mutant("host", "swap", forged, EARLY, "the true one in forwarding headers")
