"""What an HTTP client and every cache in between may rely on when they fetch an object by a signed link."""

import os
from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit

from seatrial import MAJOR, Exercise, Invalid, check, require
from seatrial.cases import Cases
from seatrial.probes.http import HttpAnswer
from suites.client import Session, generated_clip, instances, ready_asset, signed_in
from suites.deploy._fetched import Target, require_all, require_bytes, require_kept, require_not_shared, require_status
from suites.deploy._http_rules import Part, byteranges, content_range

OBJECTS = {"preview": ("preview.mp4", "video/mp4"), "poster": ("poster.jpg", "image/jpeg")}
FEWEST_CASES_AT_A_DOOR = 75
SMALLEST_BYTES = 2_000
LARGE_BYTES, LONG_BYTES = 1_500_000, 600_000  # what is longer than the edge reads at once goes out in pieces
REJECTED = frozenset({400, 416})
OVERLAPPING = 200
OLD_DATE, FUTURE_DATE = "Thu, 01 Jan 2015 00:00:00 GMT", "Thu, 01 Jan 2099 00:00:00 GMT"
OTHER_TAG = '"seatrial-another-version"'


@check("DEP-EDGE-01", severity=MAJOR, component="edge")
def test_objects_are_cached_and_ranged_by_the_rules(exercise: Exercise) -> None:
    """Objects behind signed links are served by HTTP's own rules: validators, ranges, and for no shared cache.

    Why it matters: players seek by ranges and resume by validators. One byte off, and a video stalls for some players
    only; a tag that differs by instance makes every resumed download start again, or worse, join two versions. What a
    shared cache keeps is given to whoever asks with the link, long after it has expired (RFC 9110, 9111).

    How it is measured: the preview and the poster of two own uploads, by fresh links, at the public host and at each
    edge instance, and compared with the bytes in the store. Whole: type, length, a strong ETag that is the same at
    every door, for every link and twice in turn, and another for another object; a compressed answer must have another
    tag and vary. HEAD says the same and sends no byte, seen on the wire. If-None-Match gives 304 with the fields of the
    200, weak and listed tags too, and outweighs If-Modified-Since; If-Match of another tag gives 412. Single ranges
    (first, last, middle, open, suffix, too long) give 206 with exact bytes, Content-Range and length, and so do the second
    half and the last 600,000 bytes of a large object, which is put in the place of one preview. If-Range with another
    tag, a weak one or a date that is not the object's gives the whole. Ranges beyond the end give 416 with
    `bytes */size`. Several ranges give the whole, or each part; two hundred that overlap no more than the object twice. An unknown unit gives
    the whole; what is malformed gives the whole or a refusal. No answer, refusals included, may be kept by a shared
    cache by RFC 9111, section 3.

    Not covered: Range with HEAD, for which RFC 9110 defines nothing; how fresh a private answer may be (SEC-HTTP-01);
    broken transfers; objects that the edge must read from a disk; answers of 5xx.
    """
    session = signed_in(exercise)
    other_clip = generated_clip(seed=2, duration_s=1, width=320, height=240, frames_per_s=10)
    assets = [ready_asset(exercise, session).id, ready_asset(exercise, session, other_clip).id]
    _put_large(exercise, assets[1])
    ways: dict[str, str | None] = {"public": None}
    ways |= {each.name: each.via for each in instances(exercise, "edge")}
    tags: dict[str, set[str]] = {}
    with exercise.cases(at_least=FEWEST_CASES_AT_A_DOOR * len(ways)) as cases:
        for door, via in ways.items():
            for number, asset_id in enumerate(assets):
                for variant in OBJECTS:
                    target = _target(exercise, session, asset_id, variant, door, via)
                    name = f"{variant} {number} at {door}"
                    with cases(f"{name}, whole"):
                        tags.setdefault(f"{variant} {number}", set()).add(_require_whole(target))
                    if number == 0:
                        _ranges(cases, target, name)
                        _conditions(cases, target, name)
                        _head(cases, target, name)
                    elif variant == "preview":
                        _long_ranges(cases, target, name)
            _refusals(cases, target, door)
        with cases("one tag for an object"):
            several = {name: sorted(found) for name, found in tags.items() if len(found) > 1}
            require(not several, "one ETag for an object at every door and by every link", several, "edge")
        with cases("another tag for another object"):
            distinct = {tag for found in tags.values() for tag in found}
            require(len(distinct) == len(tags), f"{len(tags)} ETags for as many objects", sorted(distinct), "edge")
    exercise.evidence("entity tags", {name: sorted(found) for name, found in tags.items()})


def _put_large(exercise: Exercise, asset_id: str) -> None:
    """Put a large object in the place of a preview that nobody has played; it is removed with its asset."""
    put = exercise.s3.service("worker").call(
        "put_object",
        Bucket="previews",
        Key=f"previews/{asset_id}/preview.mp4",
        Body=os.urandom(LARGE_BYTES),
        ContentType="video/mp4",
    )
    if not put.ok:
        raise Invalid(f"no large object could be put: {put}")


def _target(exercise: Exercise, session: Session, asset_id: str, variant: str, door: str, via: str | None) -> Target:
    name, kind = OBJECTS[variant]
    stored = exercise.s3.get("previews", f"previews/{asset_id}/{name}")
    long_enough = stored.ok and len(stored.body) > SMALLEST_BYTES
    require(long_enough, f"a stored {variant} of more than {SMALLEST_BYTES} bytes", f"{stored}", "s3")
    link = session.playback(asset_id, variant)
    return Target(exercise, link.url, kind, stored.body, "edge" if via is None else door, via)


def _require_whole(target: Target) -> str:
    """See the object twice, and as a client that takes every coding; return its entity tag."""
    answer = target.get(accept_encoding="identity")
    require_all(answer, target, "a plain GET")
    tag = answer.headers.get("etag", "")
    strong = len(tag) >= 2 and tag.startswith('"') and tag.endswith('"')
    require(strong, "a strong ETag", tag or "none", target.where)
    again = target.get(accept_encoding="identity").headers.get("etag")
    require(again == tag, f"the same ETag {tag} again", again, target.where)
    units = answer.headers.get("accept-ranges")
    require(units == "bytes", "Accept-Ranges: bytes", units, target.where)
    require("date" in answer.headers, "a Date", "none", target.where)
    require_not_shared(answer, "the object", target.where)
    packed = target.get(accept_encoding="br, zstd, gzip, deflate")
    if packed.headers.get("content-encoding", "identity") != "identity":
        varies = {each.strip().lower() for each in packed.headers.get("vary", "").split(",")}
        require("accept-encoding" in varies, "Vary: Accept-Encoding of a coded answer", sorted(varies), target.where)
        other = packed.headers.get("etag")
        require(other != tag, "another ETag for another coding", other, target.where)
    else:
        require_all(packed, target, "a GET that takes codings")
    return tag


def _single(size: int) -> Iterator[tuple[str, int, int]]:
    """Give ranges, and the first and the last byte that each means."""
    last, middle = size - 1, size // 2
    yield "bytes=0-0", 0, 0
    yield "bytes=0-99", 0, 99
    yield "bytes=1-1", 1, 1
    yield f"bytes={middle}-{middle + 511}", middle, middle + 511
    yield f"bytes={last}-{last}", last, last
    yield f"bytes={last}-", last, last
    yield "bytes=0-", 0, last
    yield f"bytes={middle}-", middle, last
    yield f"bytes={middle}-{size}", middle, last
    yield f"bytes={middle}-{size + 10**9}", middle, last
    yield "bytes=-1", last, last
    yield "bytes=-500", size - 500, last
    yield f"bytes=-{size}", 0, last
    yield f"bytes=-{size + 1}", 0, last
    yield "BYTES=2-3", 2, 3


def _ranges(cases: Cases, target: Target, name: str) -> None:
    size = target.size
    whole = target.get(accept_encoding="identity")
    for asked, first, last in _single(size):
        with cases(f"{name}, {asked}"):
            answer = _require_range(target, asked, first, last)
            kind = answer.headers.get("content-type")
            require(kind == target.kind, f"content type {target.kind} for Range: {asked}", kind, target.where)
            require_kept(answer, whole, f"Range: {asked}", target)
            require_not_shared(answer, "a part of the object", target.where)
    for asked in (f"bytes={size}-", f"bytes={size}-{size + 9}", f"bytes={10**15}-", "bytes=-0"):
        with cases(f"{name}, {asked}"):
            answer = target.get(range=asked)
            require_status(answer, {416}, f"Range: {asked}", target)
            placed = answer.headers.get("content-range")
            require(placed == f"bytes */{size}", f"Content-Range: bytes */{size} with 416", placed, target.where)
            require_not_shared(answer, "a refused range", target.where)
    for asked, parts in (
        ("bytes=0-0,-1", [(0, 0), (size - 1, size - 1)]),
        (f"bytes=1-9, 100-199 ,{size - 5}-", [(1, 9), (100, 199), (size - 5, size - 1)]),
        (f"bytes=5-6,{size}-", [(5, 6)]),
    ):
        with cases(f"{name}, {asked}"):
            _require_parts(target.get(range=asked), target, asked, parts)
    with cases(f"{name}, {OVERLAPPING} overlapping ranges"):
        answer = target.get(range=f"bytes={','.join(['0-'] * OVERLAPPING)}")
        require_status(answer, REJECTED | {200, 206}, f"{OVERLAPPING} overlapping ranges", target)
        sent = len(answer.body)
        require(sent <= 2 * size, "no more than the object twice for overlapping ranges", f"{sent} bytes", target.where)
    for asked in ("seconds=0-1", "none", "items=0-0"):
        with cases(f"{name}, {asked}"):
            require_all(target.get(range=asked), target, f"Range: {asked}")
    for asked in ("bytes=", "bytes=-", "bytes=9-1", "bytes=a-b", "bytes=1", "bytes=-1-2", "bytes=0x0-1", "bytes 0-1"):
        with cases(f"{name}, malformed {asked}"):
            answer = target.get(range=asked)
            if answer.status in REJECTED:
                require_not_shared(answer, "a refused range", target.where)
            else:
                require_all(answer, target, f"malformed Range: {asked}")


def _long_ranges(cases: Cases, target: Target, name: str) -> None:
    middle, last = target.size // 2, target.size - 1
    for asked, first in ((f"bytes={middle}-", middle), (f"bytes=-{LONG_BYTES}", target.size - LONG_BYTES)):
        with cases(f"{name}, {asked}"):
            _require_range(target, asked, first, last)


def _require_range(target: Target, asked: str, first: int, last: int) -> HttpAnswer:
    answer = target.get(range=asked)
    require_status(answer, {206}, f"Range: {asked}", target)
    placed = answer.headers.get("content-range")
    require(
        content_range(placed or "") == (first, last, target.size),
        f"Content-Range: bytes {first}-{last}/{target.size} for Range: {asked}",
        placed,
        target.where,
    )
    require_bytes(answer, target.content[first : last + 1], f"Range: {asked}", target)
    return answer


def _require_parts(answer: HttpAnswer, target: Target, asked: str, wanted: list[tuple[int, int]]) -> None:
    """See the whole object, or the ranges asked for; they may be joined, but none may be wrong or missing."""
    require_status(answer, {200, 206}, f"Range: {asked}", target)
    require_not_shared(answer, "parts of the object", target.where)
    if answer.status == 200:
        require_all(answer, target, f"Range: {asked}")
        return
    placed = content_range(answer.headers.get("content-range", ""))
    kind = answer.headers.get("content-type", "")
    parts = [Part(*placed, answer.body)] if placed else byteranges(kind, answer.body)
    require(parts, f"one part or multipart/byteranges for Range: {asked}", kind, target.where)
    for part in parts or ():
        exact = part.size == target.size and part.content == target.content[part.first : part.last + 1]
        seen = f"bytes {part.first}-{part.last}/{part.size} with {len(part.content)} bytes"
        require(exact, f"parts with the bytes that they name for Range: {asked}", seen, target.where)
    lacking = [
        each for each in wanted if not any(part.first <= each[0] and each[1] <= part.last for part in parts or ())
    ]
    require(not lacking, f"every part of Range: {asked}", f"without {lacking}", target.where)


def _conditions(cases: Cases, target: Target, name: str) -> None:
    whole = target.get(accept_encoding="identity")
    tag, modified = whole.headers.get("etag", ""), whole.headers.get("last-modified")
    for what, fields in (
        ("its own tag", {"if_none_match": tag}),
        ("a weak form of its tag", {"if_none_match": f"W/{tag}"}),
        ("a list with its tag", {"if_none_match": f"{OTHER_TAG}, {tag}"}),
        ("any tag", {"if_none_match": "*"}),
        ("its own tag and an old date", {"if_none_match": tag, "if_modified_since": OLD_DATE}),
        ("its own tag and a range", {"if_none_match": tag, "range": "bytes=0-9"}),
    ):
        with cases(f"{name}, not modified for {what}"):
            answer = target.get(**fields)
            require_status(answer, {304}, f"If-None-Match with {what}", target)
            require(not answer.body, "no content with 304", f"{len(answer.body)} bytes", target.where)
            require_kept(answer, whole, f"304 for {what}", target)
            require_not_shared(answer, "304", target.where)
    for what, fields in (
        ("If-None-Match with another tag", {"if_none_match": OTHER_TAG}),
        ("another tag and a date to come", {"if_none_match": OTHER_TAG, "if_modified_since": FUTURE_DATE}),
        ("If-Match with its own tag", {"if_match": f"{OTHER_TAG}, {tag}"}),
        ("If-Match with any tag", {"if_match": "*"}),
        ("If-Range with another tag", {"if_range": OTHER_TAG, "range": "bytes=0-9"}),
        ("If-Range with a weak tag", {"if_range": f"W/{tag}", "range": "bytes=0-9"}),
        ("If-Range with another date", {"if_range": OLD_DATE, "range": "bytes=0-9"}),
        ("If-Range with another tag, beyond the end", {"if_range": OTHER_TAG, "range": f"bytes={target.size}-"}),
        ("If-Range without a range", {"if_range": tag}),
    ):
        with cases(f"{name}, whole for {what}"):
            require_all(target.get(**fields), target, what)
    with cases(f"{name}, If-Range with its tag"):
        answer = target.get(if_range=tag, range="bytes=0-9")
        require_status(answer, {206}, "If-Range with its own tag", target)
        require_bytes(answer, target.content[:10], "If-Range with its own tag", target)
    for what, given in (("another tag", OTHER_TAG), ("a weak form of its tag", f"W/{tag}")):
        with cases(f"{name}, If-Match with {what}"):
            answer = target.get(if_match=given)
            require_status(answer, {412}, f"If-Match with {what}", target)
            require_not_shared(answer, "a failed precondition", target.where)
    if modified is not None:
        with cases(f"{name}, If-Modified-Since"):
            require_status(target.get(if_modified_since=modified), {304}, f"If-Modified-Since {modified}", target)


def _head(cases: Cases, target: Target, name: str) -> None:
    whole = target.get(accept_encoding="identity")
    with cases(f"{name}, HEAD"):
        head = target.get("HEAD", accept_encoding="identity")
        require_status(head, {200}, "HEAD", target)
        for field in ("content-type", "content-length", "accept-ranges", "etag", "vary", "last-modified"):
            seen, wanted = head.headers.get(field), whole.headers.get(field)
            require(seen == wanted, f"{field}: {wanted} for HEAD as for GET", seen, target.where)
        require_not_shared(head, "an answer to HEAD", target.where)
    with cases(f"{name}, HEAD on the wire"):
        _require_no_body(target)
    with cases(f"{name}, HEAD not modified"):
        require_status(target.get("HEAD", if_none_match=whole.headers.get("etag", "")), {304}, "HEAD", target)


def _require_no_body(target: Target) -> None:
    """Send HEAD and a GET of one byte on one connection: a body of the first would stand in the second's place."""
    place = urlsplit(target.url)
    lines = f"{place.path}?{place.query} HTTP/1.1\r\nHost: {place.netloc}\r\n"
    sends = [f"HEAD {lines}\r\nGET {lines}Range: bytes=0-0\r\nConnection: close\r\n\r\n".encode()]
    seen = target.exercise.http.raw(target.url, sends, methods=("HEAD", "GET"), via=target.via, patience_s=5.0)
    statuses = [answer.status for answer in seen.answers]
    wanted = "200 for HEAD without a byte of content, then 206 on the same connection"
    require(statuses == [200, 206] and not seen.rest, wanted, seen, target.where)
    body = seen.answers[1].body
    require(body == target.content[:1], "the first byte after HEAD", body, target.where)


def _refusals(cases: Cases, target: Target, door: str) -> None:
    unsigned = target.url.partition("?")[0]
    asked: list[tuple[str, str, str, Mapping[str, str], frozenset[int]]] = [
        ("a bent link", "GET", f"{target.url}x", {}, frozenset({403})),
        ("a bent link's range", "GET", f"{target.url}x", {"Range": "bytes=0-9"}, frozenset({403})),
        ("no link", "GET", unsigned, {}, frozenset({403})),
        ("HEAD without a link", "HEAD", unsigned, {}, frozenset({403})),
        ("an unknown path", "GET", "/seatrial", {}, frozenset({403, 404})),
        ("a wrong method", "PUT", target.url, {}, frozenset({403, 405})),
    ]
    for what, method, path, fields, statuses in asked:
        with cases(f"{what} at {door}"):
            base = target.exercise.profile.urls["play"]
            url = path if path.startswith("http") else f"{base}{path}"
            headers = {**fields, **({"Host": urlsplit(base).netloc} if target.via else {})}
            answer = target.exercise.http.request(method, url, headers=headers, via=target.via)
            require_status(answer, statuses, what, target)
            require_not_shared(answer, f"the refusal of {what}", target.where)
