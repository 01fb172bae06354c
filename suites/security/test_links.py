"""What else a genuine signature might open, and what a refusal gives away."""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from seatrial import BLOCKER, MINOR, Exercise, Invalid, check, eventually, require
from seatrial.probes.http import HttpAnswer
from suites.client import doors, generated_clip, ready_asset, signed_in
from suites.security.mutations import EARLY, UNIFORM, Link
from suites.security.test_signing import KEYS, fetch, stored
from suites.security.timing import Gap, measured_gap

# A path that is no valid one may be refused by the server itself, before anything is verified.
REFUSALS = UNIFORM | {400, 404}
FEWEST_TRANSFERS = 70
# What a guesser can tell apart over a network within some hundred tries; looking an object up costs more.
EFFECT_S = 0.001
_OWN_HEADERS = frozenset({"date", "x-request-id", "connection"})


@dataclass(frozen=True)
class Transfer:
    """A genuine signature in a place that it was not made for."""

    name: str
    link: Link
    refusals: frozenset[int] = REFUSALS


def transfers(mine: Link, theirs: Link, hosts: list[str]) -> Iterator[Transfer]:
    """Return every way to take the signature of `mine` elsewhere: to `theirs`, another variant, method or host."""
    other_variant = "poster" if mine.variant == "preview" else "preview"
    yield Transfer("the other asset", replace(mine, asset_id=theirs.asset_id))
    yield Transfer("the other variant", replace(mine, variant=other_variant))
    yield Transfer("the other asset and variant", replace(mine, asset_id=theirs.asset_id, variant=other_variant))
    yield Transfer("the other's signature", replace(mine, query=theirs.query))
    for name, path in _paths(mine, theirs):
        yield Transfer(name, replace(mine, path=path))
    for method in ("POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND"):
        yield Transfer(f"method {method}", replace(mine, method=method), EARLY)
    for host in hosts:
        yield Transfer(f"host {host}", replace(mine, host=host), EARLY)
    theirs_path = f"/v/{theirs.asset_id}/{theirs.variant}"
    for name in ("X-Original-URL", "X-Rewrite-URL", "X-Forwarded-Uri", "X-Forwarded-Path", "X-Accel-Redirect"):
        headers = {name: mine.target}
        yield Transfer(f"the other asset, {name} of mine", replace(mine, path=theirs_path, headers=headers))
    for name in ("X-HTTP-Method-Override", "X-Method-Override"):
        yield Transfer(f"POST with {name}", replace(mine, method="POST", headers={name: "GET"}), EARLY)


def _paths(mine: Link, theirs: Link) -> Iterator[tuple[str, str]]:
    """Return spellings of which one end reads mine and another end theirs, and kinder spellings of mine."""
    a, b = f"/v/{mine.asset_id}/{mine.variant}", f"/v/{theirs.asset_id}/{theirs.variant}"
    b_rest, up = b.removeprefix("/v/"), "../../"
    for name, dots in (
        ("dot segments", up),
        ("encoded dots", "%2e%2e/%2e%2e/"),
        ("encoded slashes", "..%2f..%2f"),
        ("both encoded", "%2e%2e%2f%2e%2e%2f"),
        ("encoded twice", "%252e%252e%252f%252e%252e%252f"),
        ("backslashes", "..%5c..%5c"),
        ("overlong dots", "%c0%ae%c0%ae/%c0%ae%c0%ae/"),
        ("unicode dots", "%ef%bc%8e%ef%bc%8e/%ef%bc%8e%ef%bc%8e/"),
        ("unicode slashes", "..%e2%88%95..%e2%88%95"),
        ("dots with a parameter", "..;/..;/"),
        ("dots with a zero byte", "..%00/..%00/"),
        ("dots and double slashes", "..//..//"),
    ):
        yield f"{name} after mine, to the other", f"{a}/{dots}{b_rest}"
        yield f"{name} after the other, to mine", f"{b}/{dots}{a.removeprefix('/v/')}"
    for name, end in (
        ("a zero byte", "%00"),
        ("a question mark", "%3f"),
        ("a hash", "%23"),
        ("a line feed", "%0a"),
        ("a semicolon", ";"),
        ("a slash", "/"),
        ("an encoded slash", "%2f"),
        ("a space", "%20"),
    ):
        yield f"mine with {name}, then the other", f"{a}{end}{b}"
        yield f"the other with {name}, then mine", f"{b}{end}{a}"
    for name, path in (
        ("a double slash at the front", f"/{a}"),
        ("a double slash inside", a.replace("/v/", "/v//")),
        ("a double slash before the variant", f"/v/{mine.asset_id}//{mine.variant}"),
        ("a dot segment", a.replace("/v/", "/v/./")),
        ("a way around", a.replace("/v/", "/v/x/../")),
        ("capital letters", f"/V/{mine.asset_id}/{mine.variant}"),
        ("an asset in capitals", f"/v/{mine.asset_id.upper()}/{mine.variant}"),
        ("a variant in capitals", f"/v/{mine.asset_id}/{mine.variant.capitalize()}"),
        ("an encoded letter", f"/v/{mine.asset_id}/%{ord(mine.variant[0]):02x}{mine.variant[1:]}"),
        ("an encoded hyphen", a.replace("-", "%2d")),
        ("wide letters", f"/v/{mine.asset_id}/{_wide(mine.variant)}"),
        ("wide digits", f"/v/{_wide(mine.asset_id)}/{mine.variant}"),
        ("a soft hyphen", f"/v/{mine.asset_id}/{mine.variant}%c2%ad"),
        ("a combining accent", f"/v/{mine.asset_id}/{mine.variant}%cc%81"),
        ("the object's key", f"/previews/{mine.asset_id}/{KEYS[mine.variant][0]}"),
        ("the other's key", f"/v/{mine.asset_id}/..%2f{theirs.asset_id}%2f{KEYS[theirs.variant][0]}"),
    ):
        yield name, path


def _wide(text: str) -> str:
    """Write ASCII letters and digits in their full-width forms, which Unicode's NFKC makes the same again."""
    return "".join(
        "".join(f"%{byte:02x}" for byte in chr(ord(each) + 0xFEE0).encode()) if each.isalnum() else each
        for each in text
    )


@check("SEC-HMAC-04", severity=BLOCKER, component="edge")
def test_a_signature_opens_nothing_else(exercise: Exercise) -> None:
    """A signature for one asset, variant, method or host opens nothing else, however the path is spelled.

    Why it matters: every viewer holds a genuine signature. If what is verified and what is looked up are read from two
    spellings of a path, it opens every other asset (CVE-2021-41773: a path normalised in another order than checked).

    How it is measured: with two own assets, the link of the first is taken to the second, to the other variant, to
    other methods and to the other public hosts; then to paths that lead from one to the other by dot segments, double
    slashes, encodings once and twice, backslashes, zero bytes, overlong and full-width Unicode, capitals, parameters,
    and headers that rewrite a path. Each goes byte by byte to the public host and to each instance. No answer may
    carry any of the four objects or other media, and each must be refused: 403, or 400 or 404 for what is no path at
    all. A genuine path with a rewriting header must give its own object. Both links must work before and after.

    Not covered: single altered fields (SEC-HMAC-02); request lines in absolute form, which this client cannot send.
    """
    session = signed_in(exercise)
    assets = [
        ready_asset(exercise, session),
        ready_asset(exercise, session, generated_clip(seed=2, duration_s=1, width=320, height=240, frames_per_s=10)),
    ]
    objects = {f"{v} {n}": stored(exercise, asset, v) for n, asset in enumerate(assets) for v in KEYS}
    if len(set(objects.values())) != len(objects):
        raise Invalid("two of the four objects have the same bytes, so it could not be told which one was served")
    mine, theirs = (Link.parse(session.playback(asset.id).url) for asset in assets)
    hosts = [urlsplit(url).netloc for name, url in exercise.profile.urls.items() if name not in {"play", "redirect"}]
    poster = Link.parse(session.playback(assets[0].id, "poster").url)
    made = [*transfers(mine, theirs, hosts), Transfer("a poster's signature", replace(mine, query=poster.query))]
    ways = doors(exercise, "edge")
    with exercise.cases(at_least=FEWEST_TRANSFERS * len(ways)) as cases:
        for door, via in ways.items():
            for when in ("before", "after"):
                for number, link in enumerate((mine, theirs)):
                    with cases(f"link {number} {when} all at {door}"):
                        _require_its_own(fetch(exercise, link, via), objects[f"preview {number}"], "its own link", door)
                if when == "before":
                    for each in made:
                        with cases(f"{each.name} at {door}"):
                            _require_refused(fetch(exercise, each.link, via), objects, each, door)
            for name in ("X-Original-URL", "X-Rewrite-URL", "X-Forwarded-Uri", "X-Accel-Redirect"):
                with cases(f"{name} of the other at {door}"):
                    answer = fetch(exercise, replace(mine, headers={name: theirs.target}), via)
                    _require_its_own(answer, objects["preview 0"], f"a link with {name}", door)
    exercise.evidence("transfers", len(made))


def _require_its_own(answer: HttpAnswer, content: bytes, what: str, door: str) -> None:
    require(answer.status == 200, f"200 for {what}", _said(answer), _place(door))
    require(answer.body == content, f"its own object for {what}", f"{len(answer.body)} other bytes", _place(door))


def _require_refused(answer: HttpAnswer, objects: dict[str, bytes], each: Transfer, door: str) -> None:
    carried = next((name for name, content in objects.items() if answer.body == content), None)
    if carried is None and answer.headers.get("content-type", "").startswith(("video/", "image/")):
        carried = "other media"
    require(
        carried is None, f"no object for a signature taken to {each.name}", f"it was served {carried}", _place(door)
    )
    require(
        answer.status in each.refusals,
        f"{' or '.join(map(str, sorted(each.refusals)))} for a signature taken to {each.name}",
        _said(answer),
        _place(door),
    )


@check("SEC-HMAC-06", severity=MINOR, component="edge", alone=True)
def test_refusals_give_nothing_away(exercise: Exercise) -> None:
    """Refusals are uniform: same status, body and headers, no gap in time beyond one millisecond.

    Why it matters: a refusal that says which field was wrong, or takes longer where an object exists, answers questions
    that the link was made to close: is there such an asset, is this key in use, how much of the signature is right
    (CWE-203).

    How it is measured: links that are wrong in one way each (signature at its beginning, at its end, missing; key id;
    expiry; a genuine link that has expired; another asset that exists, one that does not, one that is no id; another
    variant, an unknown one; no query, a longer one) go to each door with GET and HEAD. All answers of a door and method
    must agree in status, in every header but date and request id, and in the body with its request id taken out. Then,
    at one instance, each kind is timed against a flipped signature in turns: the median of paired differences must lie
    within 1 ms, with 99.9 %, else nothing is concluded.

    Not covered: gaps below 1 ms, among them a comparison of signatures byte by byte, which is some nanoseconds; methods
    other than GET and HEAD, and wrong hosts, which the ingress may refuse itself (SEC-HMAC-02).
    """
    session = signed_in(exercise)
    asset, other = ready_asset(exercise, session), ready_asset(exercise, session)
    expired = Link.parse(session.playback(asset.id, lifetime_s=1).url)
    kinds = _wrong(Link.parse(session.playback(asset.id).url), other.id)
    eventually(
        lambda: all(fetch(exercise, expired, via).status == 403 for via in doors(exercise, "edge").values()),
        within_s=5.0 + float(exercise.target("clock_tolerance_s")),
        what="403 for a link of one second",
    )
    kinds["a genuine link that has expired"] = expired
    base = next(iter(kinds))
    with exercise.cases(at_least=2 * len(kinds)) as cases:
        for door, via in doors(exercise, "edge").items():
            for method in ("GET", "HEAD"):
                wanted = _seen(fetch(exercise, replace(kinds[base], method=method), via))
                for name, link in kinds.items():
                    with cases(f"{name}, {method} at {door}"):
                        seen = _seen(fetch(exercise, replace(link, method=method), via))
                        require(seen[0] == 403, f"403 for {name}", seen, _place(door))
                        require(
                            seen == wanted, f"the same refusal for {name} as for {base}: {wanted}", seen, _place(door)
                        )
        door, via = next(((door, via) for door, via in doors(exercise, "edge").items() if via), ("public", None))
        gaps: dict[str, str] = {}
        for name, link in kinds.items():
            if name != base:
                with cases(f"time for {name} at {door}"):
                    gap = _timed(exercise, kinds[base], link, via)
                    gaps[name] = str(gap)
                    require(
                        gap.within(EFFECT_S),
                        f"no gap in time beyond {1000 * EFFECT_S:g} ms for {name}",
                        str(gap),
                        _place(door),
                    )
    exercise.evidence(f"longer than {base}", gaps)


def _wrong(link: Link, other_id: str) -> dict[str, Link]:
    """Return links that are wrong in one way each; the first is what the others are compared with."""
    sig, kid, exp = (link.value(name) for name in ("sig", "kid", "exp"))
    return {
        "a flipped signature": link.with_value("sig", ("B" if sig[0] == "A" else "A") + sig[1:]),
        "a signature flipped at its end": link.with_value("sig", sig[:-2] + ("B" if sig[-2] == "A" else "A") + sig[-1]),
        "no signature": link.with_value("sig", ""),
        "an unknown key id": link.with_value("kid", f"{kid}x"),
        "a later expiry": link.with_value("exp", str(int(exp) + 60)),
        "an expiry long ago": link.with_value("exp", "1000000000"),
        "an asset that exists": replace(link, asset_id=other_id),
        "an asset that does not exist": replace(link, asset_id=str(uuid.uuid4())),
        "no asset id at all": replace(link, asset_id="seatrial"),
        "another variant": replace(link, variant="poster"),
        "an unknown variant": replace(link, variant="original"),
        "no query": replace(link, query=()),
        "a longer query": replace(link, query=(*link.query, ("x", "1"))),
    }


def _timed(exercise: Exercise, base: Link, link: Link, via: str | None) -> Gap:
    return measured_gap(
        lambda: fetch(exercise, base, via).elapsed_s, lambda: fetch(exercise, link, via).elapsed_s, EFFECT_S
    )


def _seen(answer: HttpAnswer) -> tuple[int | None, dict[str, str], str]:
    """Return all that a caller can see but the time and the request's own id."""
    own = answer.headers.get("x-request-id") or "none"
    headers = {name: value for name, value in answer.headers.items() if name not in _OWN_HEADERS}
    return answer.status, headers, answer.text.replace(own, "ID") or (answer.error or "")


def _said(answer: HttpAnswer) -> str:
    return answer.error or f"{answer.status} {answer.text[:120]}".strip()


def _place(door: str) -> str:
    return "edge" if door == "public" else door
