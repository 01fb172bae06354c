"""Signed playback links: they open what they name, nothing else does, and they die on time."""

import math
import time
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

from seatrial import BLOCKER, Exercise, Invalid, check, eventually, require
from seatrial.probes.http import HttpAnswer
from suites.client import Asset, Session, doors, ready_asset, signed_in
from suites.security.mutations import FIELDS, OPERATORS, Link, Mutant, equivalents, mutants

KEYS = {"preview": ("preview.mp4", "video/mp4"), "poster": ("poster.jpg", "image/jpeg")}
LIFETIME_S = 3
FEWEST_MUTANTS = 110
LARGEST_CLOCK_GAP_S = 2.0
KEPT_CLOCKS_S = 0.1  # what two machines' clocks differ by that are kept in time: nothing closer to an edge is judged


def fetch(exercise: Exercise, link: Link, via: str | None) -> HttpAnswer:
    """Send a link, bent or not, byte by byte as it is written."""
    headers = dict(link.headers)
    if via is not None or link.host != urlsplit(exercise.profile.urls["play"]).netloc:
        headers["Host"] = link.host
    url = exercise.profile.urls["play"] + link.target
    return exercise.http.request(link.method, url, headers=headers, via=via, timeout_s=10.0)


def stored(exercise: Exercise, asset: Asset, variant: str) -> bytes:
    """Return the object behind a variant, straight from the store."""
    answer = exercise.s3.get("previews", f"previews/{asset.id}/{KEYS[variant][0]}")
    require(answer.ok and answer.body, f"a stored {variant}", f"{answer}", "s3")
    return answer.body


@check("SEC-HMAC-01", severity=BLOCKER, component="edge")
def test_a_fresh_link_opens_its_object(exercise: Exercise) -> None:
    """A fresh playback link works, and its answer carries the object asked for.

    Why it matters: the API signs and the edge verifies, in different processes with their own copy of the keys. When
    the copies differ, every viewer is refused while both services look healthy.

    How it is measured: an own upload's preview and poster are fetched by fresh links, at the public host and at each
    edge instance. Each answer must be 200 with the right content type and, byte for byte, the object in the previews
    bucket; the two variants must differ, and a HEAD must state the same length.

    Not covered: wrong links (SEC-HMAC-02, -04), expiry (-03), ranges and caching (DEP-EDGE-01).
    """
    session = signed_in(exercise)
    asset = ready_asset(exercise, session)
    objects = {variant: stored(exercise, asset, variant) for variant in KEYS}
    require(objects["preview"] != objects["poster"], "two different objects", "preview and poster are the same bytes")
    sizes: dict[str, int] = {}
    with exercise.cases(at_least=2 * len(KEYS)) as cases:
        for variant, (_, kind) in KEYS.items():
            link = Link.parse(session.playback(asset.id, variant).url)
            for door, via in doors(exercise, "edge").items():
                with cases(f"{variant} at {door}"):
                    answer = fetch(exercise, link, via)
                    require(answer.status == 200, f"200 for a fresh {variant} link", _said(answer), _place(door))
                    seen = answer.headers.get("content-type")
                    require(seen == kind, f"content type {kind}", seen, _place(door))
                    require(
                        answer.body == objects[variant], "the object of the bucket", f"{len(answer.body)} other bytes"
                    )
                    sizes[f"{variant} at {door}"] = len(answer.body)
            with cases(f"HEAD of {variant}"):
                answer = fetch(exercise, Link(link.host, link.asset_id, link.variant, link.query, "HEAD"), None)
                require(answer.status == 200, "200 for HEAD of a GET link", _said(answer))
                length = answer.headers.get("content-length")
                require(length == str(len(objects[variant])), f"length {len(objects[variant])}", length)
    exercise.evidence("bytes served", sizes)


@check("SEC-HMAC-02", severity=BLOCKER, component="edge")
def test_no_bent_link_opens_anything(exercise: Exercise) -> None:
    """Every signed field flipped, dropped, doubled, emptied, truncated, re-ordered or re-encoded is refused.

    Why it matters: a field that the signature forgets, or a spelling that the verifier forgives, turns one link for
    one viewer into a key for more: another asset, a later hour, another host.

    How it is measured: the matrix is generated from the signed fields (method, host, asset, variant, expiry, key id,
    signature) and ten operators, with other spellings of each value on top. Every mutant is sent to the public host
    and straight to each edge instance, byte by byte as generated. It must be 403, before anybody looks whether the
    object is there; a method or host that is no valid one may be refused as 400, 404, 405, 421 or 501. No answer may
    carry the object. Only what means the same must pass: HEAD of a GET link, and the host in capitals. The link itself
    must work before and after.

    Not covered: a method in small letters, a request without any Host header, and two of them: this client sends none.
    """
    session = signed_in(exercise)
    asset = ready_asset(exercise, session)
    genuine = Link.parse(session.playback(asset.id).url)
    content = stored(exercise, asset, "preview")
    bent = mutants(genuine)
    tried: dict[str, int] = dict.fromkeys(FIELDS, 0)
    with exercise.cases(at_least=FEWEST_MUTANTS * len(doors(exercise, "edge"))) as cases:
        for door, via in doors(exercise, "edge").items():
            with cases(f"the link itself at {door}"):
                _require_opens(fetch(exercise, genuine, via), content, "the genuine link", door)
            for mutant in bent:
                with cases(f"{mutant} at {door}"):
                    _require_refused(fetch(exercise, mutant.link, via), content, mutant, door)
                    tried[mutant.field] += 1
            for same in equivalents(genuine):
                with cases(f"{same} at {door}"):
                    _require_opens(fetch(exercise, same.link, via), content, str(same), door)
            with cases(f"the link itself, after all of them, at {door}"):
                _require_opens(fetch(exercise, genuine, via), content, "the genuine link", door)
    exercise.evidence("mutants by field", tried)
    used = {mutant.operator for mutant in bent}
    if used != set(OPERATORS) or not all(tried.values()):
        raise Invalid(f"the matrix has a hole: operators {sorted(used)}, fields {tried}")


@check("SEC-HMAC-03", severity=BLOCKER, component="edge", alone=True)
def test_links_die_on_time(exercise: Exercise) -> None:
    """Links live until their expiry, die at it within the declared allowance, and none outlives the maximum.

    Why it matters: a link that leaks is harmless an hour later only if expiry is obeyed to the second by every
    instance, and only if nobody can ask for a link that never ends.

    How it is measured: a link of three seconds is fetched again and again at the public host and at each edge instance
    until a second after its end. Every answer that came before the expiry must be 200; every request sent at or after
    expiry plus targets.clock_tolerance_s must be 403, with samples at t-1, t and t+1 s each; a tenth of a second around both
    is left to the clocks. The server's clock is read from its Date headers; if it is off by more than two seconds, nothing
    is concluded. Then links of the maximum, and far beyond it, are asked for: beyond it, 422 and no link; at it, and by
    default, an expiry within the maximum and those two seconds after the answer.

    Not covered: clocks that are off by more than a tenth and less than two seconds, whose edges are judged as if they were
    not; a link beyond the maximum that was signed with a stolen key (SEC-HMAC-05 rotates it); clocks that differ between
    instances (DR-CLK-01).
    """
    session = signed_in(exercise)
    asset = ready_asset(exercise, session)
    skew_s = float(exercise.target("clock_tolerance_s"))
    with exercise.cases(at_least=14) as cases:
        link = Link.parse(session.playback(asset.id, lifetime_s=LIFETIME_S).url)
        expires = float(link.value("exp"))
        edges = []
        for door, samples in _sampled(exercise, link, expires + skew_s + 1.0).items():
            for name, sample_wanted, low, high in (
                ("t-1", 200, expires - 1.5, expires - 0.5),
                ("t", 403, expires + skew_s + KEPT_CLOCKS_S, expires + skew_s + 0.6),
                ("t+1", 403, expires + skew_s + 1.0, math.inf),
            ):
                chosen = [
                    each for each in samples if low <= each.sent and (each.done if name == "t-1" else each.sent) <= high
                ]
                if not chosen:
                    raise Invalid(f"no sample at {name} at {door}")
                with cases(f"{name} at {door}"):
                    wrong = [each for each in chosen if each.status != sample_wanted]
                    require(not wrong, f"{sample_wanted} at {name} s", _moments(wrong, expires), _place(door))
            with cases(f"every moment at {door}"):
                last, first = expires - KEPT_CLOCKS_S, expires + skew_s + KEPT_CLOCKS_S
                early = [each for each in samples if each.done < last and each.status != 200]
                late = [each for each in samples if each.sent >= first and each.status != 403]
                require(not early, "200 for every answer before the expiry", _moments(early, expires), _place(door))
                require(not late, "403 for every request after the expiry", _moments(late, expires), _place(door))
            edges.append({"door": door, **_edges(samples, expires)})
        exercise.evidence("window edges in seconds after expiry", edges)
        _mint(exercise, session, asset, cases)


def _edges(samples: list["Sample"], expires: float) -> dict[str, Any]:
    """Return where the window ended: sent times of the last link that opened and of the first that was refused."""
    opened = [each.sent - expires for each in samples if each.status == 200]
    refused = [each.sent - expires for each in samples if each.status == 403]
    return {
        "last 200": f"{max(opened):+.3f}" if opened else None,
        "first 403": f"{min(refused):+.3f}" if refused else None,
        "samples": len(samples),
    }


@dataclass(frozen=True)
class Sample:
    """One fetch: when it was sent and answered, by this machine's clock."""

    sent: float
    done: float
    status: int | None


def _sampled(exercise: Exercise, link: Link, until: float) -> dict[str, list[Sample]]:
    """Fetch the link at every door, over and over, until each has a sample that was sent at or after `until`."""
    samples: dict[str, list[Sample]] = {door: [] for door in doors(exercise, "edge")}

    def once() -> bool:
        for door, via in doors(exercise, "edge").items():
            sent = time.time()
            answer = fetch(exercise, Link(link.host, link.asset_id, link.variant, link.query, "HEAD"), via)
            samples[door].append(Sample(sent, time.time(), answer.status))
            _require_clock(answer, sent)
        return all(taken[-1].sent >= until for taken in samples.values())

    eventually(once, within_s=until - time.time() + 5.0, every_s=0.04, what=f"samples until {until:.1f}")
    return samples


def _require_clock(answer: HttpAnswer, sent: float) -> None:
    stated = answer.headers.get("date")
    if stated is None:
        raise Invalid(f"no Date header, so the server's clock is unknown: {answer}")
    gap_s = parsedate_to_datetime(stated).timestamp() + 0.5 - sent
    if abs(gap_s) > LARGEST_CLOCK_GAP_S:
        raise Invalid(
            f"the clocks of this machine and the server differ by {gap_s:.1f} s: nothing can be said of seconds"
        )


def _mint(exercise: Exercise, session: Session, asset: Asset, cases: Any) -> None:
    """Ask for links at and beyond the maximum lifetime."""
    most_s = int(exercise.target("link_max_lifetime_s"))
    path = f"/v1/assets/{asset.id}/playback"
    for lifetime in (most_s + 1, most_s * 2, 86_400 * 365, 2**31, 2**63, 1e18, most_s + 0.5, str(most_s * 10), -1, 0):
        if lifetime == most_s:
            continue
        with cases(f"a link of {lifetime!r} s"):
            answer = session.call("POST", path, json={"variant": "preview", "lifetime_s": lifetime})
            require(
                answer.status == 422,
                f"422 for a lifetime of {lifetime!r} s, the maximum is {most_s}",
                _said(answer),
                "api",
            )
            require("sig=" not in answer.text, "no link", "one that outlives the maximum", "api")
    for wanted in (most_s, None):
        with cases("the longest link" if wanted else "a link of the default lifetime"):
            link = Link.parse(session.playback(asset.id, lifetime_s=wanted).url)
            lives_s = float(link.value("exp")) - time.time()
            bounded = 0 < lives_s <= most_s + LARGEST_CLOCK_GAP_S
            require(bounded, f"an expiry within {most_s} s", f"{lives_s:.1f} s ahead", "api")
            answer = fetch(exercise, link, None)
            require(answer.status == 200, "200 for it", _said(answer))


def _require_opens(answer: HttpAnswer, content: bytes, what: str, door: str) -> None:
    require(answer.status == 200, f"200 for {what}", _said(answer), _place(door))
    if answer.method != "HEAD":
        require(answer.body == content, f"the object for {what}", f"{len(answer.body)} other bytes", _place(door))


def _require_refused(answer: HttpAnswer, content: bytes, mutant: Mutant, door: str) -> None:
    carried = answer.body == content or answer.headers.get("content-type", "").startswith(("video/", "image/"))
    require(not carried, f"no object for a link with {mutant}", f"{_said(answer)}: it was served", _place(door))
    statuses = " or ".join(str(status) for status in sorted(mutant.refusals))
    require(answer.status in mutant.refusals, f"{statuses} for a link with {mutant}", _said(answer), _place(door))


def _moments(samples: list[Sample], expires: float) -> str:
    return ", ".join(f"{each.status} at {each.sent - expires:+.3f} s" for each in samples[:3])


def _said(answer: HttpAnswer) -> str:
    return (
        answer.error
        or f"{answer.status} {answer.text[:120] if not answer.headers.get('accept-ranges') else ''}".strip()
    )


def _place(door: str) -> str:
    return "edge" if door == "public" else door
