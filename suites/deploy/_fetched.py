"""One object behind a signed link, as it is fetched through one door, and what must hold of every answer about it."""

from dataclasses import dataclass
from urllib.parse import urlsplit

from seatrial import Exercise, require
from seatrial.probes.http import HttpAnswer
from suites.deploy._http_rules import shared_cache_may_store

# What a 304 must carry if the 200 would (RFC 9110, section 15.4.5); the same holds for a 206 (15.3.7).
KEPT = ("etag", "cache-control", "vary", "content-location", "expires")


@dataclass(frozen=True)
class Target:
    """One object through one door: `via` is an instance's private address, None is the public host."""

    exercise: Exercise
    url: str
    kind: str
    content: bytes
    where: str
    via: str | None

    @property
    def size(self) -> int:
        """Of the object, in bytes."""
        return len(self.content)

    def get(self, method: str = "GET", **fields: str) -> HttpAnswer:
        """Send one request; `if_range="x"` is the field If-Range: x."""
        headers = {name.replace("_", "-"): value for name, value in fields.items()}
        if self.via is not None:
            headers["Host"] = urlsplit(self.url).netloc
        return self.exercise.http.request(method, self.url, headers=headers, via=self.via)


def require_all(answer: HttpAnswer, target: Target, what: str) -> None:
    require_status(answer, {200}, what, target)
    require_bytes(answer, target.content, what, target)
    kind = answer.headers.get("content-type")
    require(kind == target.kind, f"content type {target.kind} for {what}", kind, target.where)
    stray = answer.headers.get("content-range")
    require(stray is None, f"no Content-Range with the whole for {what}", stray, target.where)


def require_status(answer: HttpAnswer, statuses: set[int] | frozenset[int], what: str, target: Target) -> None:
    wanted = " or ".join(map(str, sorted(statuses)))
    require(answer.status in statuses, f"{wanted} for {what}", answer.error or answer.status, target.where)


def require_bytes(answer: HttpAnswer, content: bytes, what: str, target: Target) -> None:
    length = answer.headers.get("content-length")
    require(length == str(len(content)), f"length {len(content)} for {what}", length, target.where)
    same = answer.body == content
    require(same, f"the {len(content)} bytes asked for by {what}", f"{len(answer.body)} others", target.where)


def require_not_shared(answer: HttpAnswer, what: str, where: str) -> None:
    kept = shared_cache_may_store(answer.status or 0, answer.headers)
    seen = f"{answer.status}, Cache-Control: {answer.headers.get('cache-control', 'none')}"
    require(not kept, f"no shared cache may keep {what}", seen, where)


def require_kept(answer: HttpAnswer, whole: HttpAnswer, what: str, target: Target) -> None:
    """Compare what describes the object in every answer about it; the age of a link goes down meanwhile."""
    for field in KEPT:
        seen, wanted = answer.headers.get(field), whole.headers.get(field)
        same = (seen is None) == (wanted is None) if field in {"cache-control", "expires"} else seen == wanted
        require(same, f"{field}: {wanted} as with the whole, for {what}", seen, target.where)
