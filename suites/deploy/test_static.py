"""The files that every page loads: what they weigh, and how long nobody has to load them again."""

import gzip
import re
from html.parser import HTMLParser
from urllib.parse import urljoin, urlsplit

from seatrial import MINOR, Observe, check, require
from seatrial.probes.http import HttpAnswer
from suites.client import instances
from suites.deploy._http_rules import directives, shared_cache_may_store

PAGE = "/sign-in"
FEWEST_FILES = 5
A_YEAR_S = 31_536_000
# Below, the answer is one packet whatever is done to it.
WORTH_PACKING_BYTES = 1_000
PACKED_SHARE = 0.8
TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml", ".woff2": "font/woff2"}
TEXTS = frozenset({".css", ".js", ".svg"})
CODINGS = frozenset({"gzip", "br", "zstd"})
_HASHED = re.compile(r"(.*[.-])([0-9A-Za-z_-]{8,})(\.[a-z0-9]+)")
_MORE = re.compile(r"""(?:from\s*|import\s*\(?\s*|url\(\s*)["']?(\.{0,2}/[^"')\s]+)""")


class _Loads(HTMLParser):
    """Collects what a page loads; where it only leads to does not count."""

    def __init__(self) -> None:
        super().__init__()
        self.paths: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note href of link, src of anything."""
        given = dict(attrs)
        self.paths += [path for path in (given.get("src"), given.get("href") if tag == "link" else None) if path]


def loaded_by(page: str) -> list[str]:
    """Return the paths that a page loads, each once."""
    parser = _Loads()
    parser.feed(page)
    return list(dict.fromkeys(parser.paths))


@check("DEP-WEB-02", severity=MINOR, component="frontend")
def test_static_files_are_cheap(observe: Observe) -> None:
    """Static files are named by their content, cached for ever, compressed, and light; pages are not compressed.

    Why it matters: a file that is asked for again on every page, or sent as it is, is what readers with a slow line wait
    for; one that changes under a name which is cached for ever breaks pages until caches are emptied. A compressed page
    that repeats what the request says tells its secrets by its length (BREACH, CVE-2013-3587).

    How it is measured: the sign-in page names styles, icon and the scripts of the pages after it; what those import is
    followed. At the public host and at each instance, each must have a hash in its name, its type, Cache-Control with
    immutable and a year, an ETag that is answered with 304, and the same bytes everywhere; with one character of the
    hash changed it must be 404 that no cache keeps. From 1000 bytes on, texts must come packed in a coding that was
    offered, by a fifth smaller, with Vary and an ETag of its own; gzip must unpack to the plain bytes; who offers none,
    or gzip with weight 0, gets them plain. The page itself must come plain. Page and files, packed, must weigh no more
    than targets.page_weight_bytes.

    Not covered: files that only a page behind the sign-in names; a release under way, while old and new names are asked
    of instances that know one of them.
    """
    doors: dict[str, str | None] = {"public": None}
    doors |= {each.name: each.via for each in instances(observe, "frontend")}
    budget = int(observe.target("page_weight_bytes"))
    bodies: dict[str, set[bytes]] = {}
    weights: dict[str, int] = {}
    with observe.cases(at_least=FEWEST_FILES * len(doors)) as cases:
        for door, via in doors.items():
            site = _Site(observe, "frontend" if via is None else door, via)
            page = site.get(PAGE, ", ".join(sorted(CODINGS)), Accept="text/html")
            require(page.status == 200, f"200 for {PAGE}", page.error or page.status, site.where)
            with cases(f"the page at {door}"):
                coding = page.headers.get("content-encoding", "identity")
                require(coding == "identity", "a page that is not compressed", coding, site.where)
            weights = {PAGE: len(page.body)}
            waiting = loaded_by(page.text)
            while waiting:
                path = waiting.pop(0)
                if path in weights:
                    continue
                weights[path] = 0
                with cases(f"{path} at {door}"):
                    plain, weights[path] = site.look(path)
                    bodies.setdefault(path, set()).add(plain)
                    waiting += [urljoin(path, more) for more in _MORE.findall(plain.decode("utf-8", "replace"))]
            with cases(f"the weight at {door}"):
                weight = sum(weights.values())
                require(weight <= budget, f"at most {budget} bytes for the page and its files", weight, site.where)
        with cases("the same everywhere"):
            differing = [path for path, found in bodies.items() if len(found) > 1]
            require(not differing, "the same bytes under one name at every door", differing)
    observe.evidence("bytes as sent", weights)


class _Site:
    """The frontend through one door."""

    def __init__(self, observe: Observe, where: str, via: str | None) -> None:
        self._http, self._base, self._via = observe.http, observe.profile.urls["app"], via
        self.where = where

    def get(self, path: str, coding: str = "identity", **fields: str) -> HttpAnswer:
        """GET a path, offering a coding."""
        headers = {name.replace("_", "-"): value for name, value in fields.items()}
        host = {"Host": urlsplit(self._base).netloc} if self._via else {}
        return self._http.get(f"app:{path}", headers={**headers, **host, "Accept-Encoding": coding}, via=self._via)

    def look(self, path: str) -> tuple[bytes, int]:
        """Look at one file from every side; return its bytes, and how many of them a browser is sent."""
        suffix = path[path.rfind(".") :]
        hashed = _HASHED.fullmatch(path)
        require(hashed, "a hash of the content in the name", path, self.where)
        plain = self._file(path, "identity", suffix)
        self._require_plain(plain, "who offers no coding", path)
        self._require_plain(self._file(path, "gzip;q=0, identity", suffix), "who refuses gzip", path)
        packed = self._file(path, ", ".join(sorted(CODINGS)), suffix)
        if suffix in TEXTS and len(plain.body) >= WORTH_PACKING_BYTES:
            self._require_packed(packed, plain, path)
            unpacked = self._file(path, "gzip", suffix)
            require(_gunzipped(unpacked) == plain.body, f"{path} by gzip, and the same unpacked", unpacked, self.where)
        assert hashed is not None
        digit = "0" if hashed[2][0] != "0" else "1"
        other = self.get(f"{hashed[1]}{digit}{hashed[2][1:]}{hashed[3]}")
        require(other.status == 404, f"404 for another hash of {path}", other.error or other.status, self.where)
        kept = shared_cache_may_store(404, other.headers)
        require(not kept, f"no cache may keep the 404 of another hash of {path}", dict(other.headers), self.where)
        return plain.body, len(packed.body)

    def _file(self, path: str, coding: str, suffix: str) -> HttpAnswer:
        answer = self.get(path, coding)
        require(answer.status == 200, f"200 for {path}", answer.error or answer.status, self.where)
        kind = answer.headers.get("content-type", "").partition(";")[0]
        require(kind == TYPES.get(suffix), f"type {TYPES.get(suffix)} for {path}", kind, self.where)
        said = directives(answer.headers)
        age = said.get("max-age", "")
        for_ever = (
            "immutable" in said and age.isdigit() and int(age) >= A_YEAR_S and not {"private", "no-store"} & said.keys()
        )
        seen = answer.headers.get("cache-control", "none")
        require(for_ever, f"{path} immutable for a year, for every cache", seen, self.where)
        tag = answer.headers.get("etag", "")
        again = self.get(path, coding, If_None_Match=tag)
        require(tag and again.status == 304, f"304 for {path} with its ETag", f"{again.status}, ETag {tag}", self.where)
        return answer

    def _require_plain(self, answer: HttpAnswer, who: str, path: str) -> None:
        coding = answer.headers.get("content-encoding", "identity")
        require(coding == "identity", f"{path} plain for {who}", coding, self.where)

    def _require_packed(self, packed: HttpAnswer, plain: HttpAnswer, path: str) -> None:
        coding = packed.headers.get("content-encoding", "identity")
        require(coding in CODINGS, f"{path} compressed for who takes {', '.join(sorted(CODINGS))}", coding, self.where)
        sizes = f"{len(packed.body)} of {len(plain.body)} bytes"
        require(len(packed.body) <= PACKED_SHARE * len(plain.body), f"{path} smaller by a fifth", sizes, self.where)
        for answer in (packed, plain):
            varies = {each.strip().lower() for each in answer.headers.get("vary", "").split(",")}
            require("accept-encoding" in varies, f"Vary: Accept-Encoding on {path}", sorted(varies), self.where)
        tag = packed.headers.get("etag")
        require(tag != plain.headers.get("etag"), f"an ETag of its own for {path} in {coding}", tag, self.where)


def _gunzipped(answer: HttpAnswer) -> bytes | None:
    if answer.headers.get("content-encoding") != "gzip":
        return None
    try:
        return gzip.decompress(answer.body)
    except (OSError, EOFError):
        return None
