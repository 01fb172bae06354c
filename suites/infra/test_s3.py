"""The object store: buckets in their place, closed to strangers, and masters that nobody can undo."""

import json
import time
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from seatrial import BLOCKER, MAJOR, Exercise, Invalid, Observe, check, require
from seatrial.cases import Cases
from seatrial.errors import Unanswered
from seatrial.facets.s3 import ServiceKey
from seatrial.probes.http import HttpAnswer
from suites.client import remove_object
from suites.infra import _rights as rights
from suites.infra._lifecycle import early
from suites.infra._lock import LEAST_S, LEFT_S, Locked, attempts

NEEDED = ("staging", "masters", "previews")
LISTINGS = ("", "list-type=2", "versions", "uploads")
REFUSED = {401, 403}
NO_POLICY = "NoSuchBucketPolicy"
SERVICES = ("api", "worker", "edge")
LOCK_CALLS = 120
# Who writes to the buckets in whose objects reading is tried.
WRITERS = {"staging": "api", "previews": "worker"}
UPLOADS = "uploads/"
# A store sweeps now and then: AWS names up to two days, which come on top of the age that a rule names.
SWEEP = timedelta(days=2)
SENT_HEADERS = ("content-type", "x-amz-checksum-sha256")
METHODS = ("PUT", "GET", "DELETE")


@check("INF-S3-01", severity=BLOCKER, component="s3")
def test_the_buckets_are_in_place_and_closed_to_strangers(observe: Observe) -> None:
    """Every declared bucket exists in the declared region, and refuses anonymous list and get.

    Why it matters: one bucket policy made for a moment's convenience has published millions of customers' files, and a
    bucket in another region breaks latency, cost and the promise of where data lies.

    How it is measured: with the observing key each bucket answers and names its region (GetBucketLocation). Without any
    key, every form of listing, the get of an object that exists and the get of one that does not must be refused with
    401 or 403: a 404 already tells a stranger what is not there. No statement of the bucket's policy may let everybody in, be
    it for some of the keys alone. A bucket in which nothing lies that could be got, and whose policy cannot be read, is INVALID.

    Not covered: anonymous writes (INF-S3-02); objects that carry an access list of their own, beyond the one tried; a policy
    for everybody under a condition.
    """
    place = observe.profile.s3
    if place is None or not set(NEEDED) <= set(place.buckets):
        raise Invalid(f"the profile names no bucket for one of {', '.join(NEEDED)}")
    region = str(observe.target("region"))
    with observe.cases(at_least=1 + len(place.buckets) * (4 + len(LISTINGS))) as cases:
        with cases("anonymous list of buckets"):
            answer = observe.s3.anonymous("GET")
            require(answer.status in REFUSED, "anonymous list refused", str(answer))
        for role, bucket in place.buckets.items():
            with cases(f"{role} exists"):
                head = observe.s3.head_bucket(bucket)
                require(head.ok, f"a bucket {bucket}", head.error)
            with cases(f"{role} region"):
                seen = observe.s3.region(bucket)
                require(seen == region, f"{bucket} in region {region}", seen)
            for query in LISTINGS:
                with cases(f"{role} anonymous list {query}"):
                    answer = observe.s3.anonymous("GET", bucket, query=query)
                    require(answer.status in REFUSED, "anonymous list refused", str(answer))
            listed = observe.s3.call("list_objects_v2", Bucket=bucket, MaxKeys=1)
            found = listed.data.get("Contents", []) if listed.ok else []
            with cases(f"{role} policy"):
                policy = observe.s3.call("get_bucket_policy", Bucket=bucket)
                if not (found or policy.ok or policy.code == NO_POLICY):
                    raise Invalid(f"nothing to get is seen in {bucket} ({listed}), nor its policy ({policy})")
                allowed = _for_everybody(json.loads(policy.data["Policy"])) if policy.ok else []
                require(not allowed, f"no policy that lets everybody into {bucket}", "; ".join(allowed))
            for key in ("there-is-no-such-object", *(row["Key"] for row in found)):
                with cases(f"{role} anonymous get {key}"):
                    answer = observe.s3.anonymous("GET", bucket, key)
                    require(answer.status in REFUSED, "anonymous get refused", str(answer))


def _for_everybody(policy: Mapping[str, Any]) -> list[str]:
    """Name what the statements of a bucket's policy let everybody do, without a condition."""
    rules = policy.get("Statement", [])
    return [
        f"{rule.get('Action', rule.get('NotAction'))} on {rule.get('Resource', rule.get('NotResource'))}"
        for rule in (rules if isinstance(rules, list) else [rules])
        if rule.get("Effect") == "Allow" and not rule.get("Condition") and _is_everybody(rule)
    ]


def _is_everybody(rule: Mapping[str, Any]) -> bool:
    who = rule.get("Principal", {})
    aws = who.get("AWS", []) if isinstance(who, Mapping) else who
    return "NotPrincipal" in rule or "*" in ([aws] if isinstance(aws, str) else aws)


@check("INF-S3-02", severity=BLOCKER, component="s3")
def test_each_key_can_do_what_it_needs_and_nothing_else(exercise: Exercise) -> None:
    """Each service's key can do what it needs and nothing else, and no key at all can write.

    Why it matters: the service that is broken into first decides what is lost: an edge whose key may write serves the
    intruder's files to every viewer, one whose key reads masters gives away the originals.

    How it is measured: a matrix of api, worker, edge and nobody, by every bucket of the profile, by listing, reading,
    writing, writing parts, deleting and changing the policy. What a service needs must be allowed, all else refused as
    AccessDenied. The requests ask for a right without using it (bytes under another digest, a part of no upload, a policy
    that is no policy, a delete of what is not there), so that a right too many is found without being used; afterwards
    nothing of it may lie in a bucket, and the markers that deleting leaves among masters are removed. In staging and
    previews an object is really written by its service, and read by each that needs to; what is read among masters is a probe
    of the check's own, locked for seconds and removed then.

    Not covered: making and removing buckets; rights below the action, such as single headers; retention (INF-S3-03); reading
    what nobody needs to read, backups, while there is nothing (the evidence says so): a store refuses that to whoever may not list.
    """
    place = exercise.profile.s3
    if place is None or not set(NEEDED) <= set(place.buckets):
        raise Invalid(f"the profile names no bucket for one of {', '.join(NEEDED)}")
    keys = [exercise.s3.service(name) for name in rights.SERVICES]
    absent, table, empty = f"trial/{exercise.marker}-absent", dict[str, str](), list[str]()
    with exercise.cases(at_least=(len(keys) + 1) * len(rights.ACTIONS) * len(place.buckets) + len(WRITERS)) as cases:
        for bucket in place.buckets:
            there = None
            with cases(f"something to read in {bucket}"):
                there = _written(exercise, bucket) if bucket in WRITERS else rights.readable(exercise, bucket)
            empty += [] if there else [bucket]
            for each in _asked(exercise, keys, bucket, there or absent, absent):
                if each.left is not None:
                    remover = exercise.s3.service("api")
                    exercise.cleanup(remove_object, remover, bucket, absent, VersionId=each.left)
                with cases(f"{each.who}, {each.action} {bucket}"):
                    _require_right(each, table)
            with cases(f"nothing written to {bucket}"):
                left = exercise.s3.head(bucket, absent)
                require(left.status == 404, f"no object {bucket}/{absent}", str(left))
    exercise.evidence("rights", table)
    exercise.evidence("nothing to read in", empty)


def _asked(exercise: Exercise, keys: list[ServiceKey], bucket: str, there: str, absent: str) -> Iterator[rights.Asked]:
    for key in keys:
        yield from rights.asked_by(key, bucket, there, absent)
    yield from rights.asked_by_stranger(exercise, bucket, there, absent)


def _require_right(asked: rights.Asked, table: dict[str, str]) -> None:
    needed = rights.needed(asked.who, asked.bucket, asked.action)
    what = f"{asked.who} may {'' if needed else 'not '}{asked.action} {asked.bucket}"
    table[f"{asked.who}, {asked.action} {asked.bucket}"] = {True: "may", False: "may not", None: "unknown"}[
        asked.allowed
    ]
    require(asked.allowed is needed, what, asked.said, "s3")


def _written(exercise: Exercise, bucket: str) -> str:
    writer, key = exercise.s3.service(WRITERS[bucket]), f"trial/{exercise.marker}"
    exercise.cleanup(remove_object, writer, bucket, key)
    body = exercise.marker.encode()
    written = writer.call("put_object", Bucket=bucket, Key=key, Body=body)
    require(written.ok, f"{writer.service} writes to {bucket}", str(written), "s3")
    for name in rights.SERVICES:
        if rights.needed(name, bucket, rights.READ):
            read = exercise.s3.service(name).call("get_object", Bucket=bucket, Key=key)
            require(read.ok and read.body == body, f"{name} reads from {bucket}", str(read), "s3")
    return key


@check("INF-S3-03", severity=BLOCKER, component="s3")
def test_a_locked_master_cannot_be_undone(exercise: Exercise) -> None:
    """Masters are versioned and locked by default, and a locked version can neither be deleted, replaced nor released.

    Why it matters: the master is the last copy. A thief of a service's key, or a bug in a clean-up, must not be able to
    remove it before its retention ends.

    How it is measured: versioning and the default retention are read and compared with targets.masters_lock_mode and
    targets.masters_lock_days. With the API's key a probe is written that carries its own retention of seconds; then with
    every service's key and with none: delete of the version, the same with the bypass header, batch delete, shorter
    retention, weaker mode, no retention. Each must be denied; a store that knows no way to take a retention away may say that
    instead. Writing the key again and a plain delete must leave the version readable. A second probe in GOVERNANCE mode
    tells whether any service may bypass. Where the retention ends before all was tried, nothing is concluded. Then the probes
    are removed.

    Not covered: the store's own administrator; doors beside S3, which INF-NET-01 keeps shut.
    """
    mode, days = str(exercise.target("masters_lock_mode")), int(exercise.target("masters_lock_days"))
    versioning = exercise.s3.call("get_bucket_versioning", Bucket="masters")
    asked = time.monotonic()
    lock = exercise.s3.call("get_object_lock_configuration", Bucket="masters")
    # Long enough for every attempt at the speed of this store, and no longer: the check waits for it to end.
    lock_s = LEAST_S + LOCK_CALLS * (time.monotonic() - asked)
    held = lock.data.get("ObjectLockConfiguration", {}) if lock.ok else {}
    default = held.get("Rule", {}).get("DefaultRetention", {})
    exercise.evidence("masters", {"versioning": versioning.data.get("Status"), "lock": held or str(lock)})
    api = exercise.s3.service("api")
    services = [exercise.s3.service(name) for name in SERVICES]
    with exercise.cases(at_least=3) as cases:
        with cases("versioning"):
            require(versioning.data.get("Status") == "Enabled", "versioning enabled on masters", str(versioning))
        with cases("object lock"):
            require(held.get("ObjectLockEnabled") == "Enabled", "object lock on masters", held or str(lock))
        with cases("default retention"):
            kept = (default.get("Mode"), default.get("Days"))
            require(kept == (mode, days), f"default retention {mode} for {days} days", f"{kept}")
    with exercise.cases(at_least=len(SERVICES) * 8 + 6) as cases:
        firm = Locked.write(exercise, api, "COMPLIANCE", lock_s)
        _try_all(exercise, cases, services, firm)
        with cases("written again"):
            firm.require_locked(LEFT_S)
            again = firm.write_again(exercise, api)
            require(again != firm.version_id, "a version of its own", f"version {again} again")
            require(firm.intact(exercise), "the locked version readable after an overwrite", "it is gone or changed")
        with cases("plain delete"):
            firm.require_locked(LEFT_S)
            firm.delete_plainly(api)
            require(firm.intact(exercise), "the locked version readable after a delete", "it is gone or changed")
        _try_all(exercise, cases, services, Locked.write(exercise, api, "GOVERNANCE", lock_s))


def _try_all(exercise: Exercise, cases: Cases, services: list[ServiceKey], probe: Locked) -> None:
    for attempt in attempts(exercise, services, probe):
        with cases(f"{probe.mode} {attempt.name}"):
            probe.require_locked(LEFT_S)
            refusal, intact = attempt.make(), probe.intact(exercise)
            probe.require_locked()
            require(refusal.refused, "a denial", refusal.said)
            require(intact, "the locked version unchanged", "it is gone or released", "s3")


@check("INF-S3-04", severity=MAJOR, component="s3")
def test_staging_forgets_what_nobody_finished(observe: Observe) -> None:
    """Staging expires leftovers, whole objects and parts of uploads alike, by a lifecycle rule that is in force.

    Why it matters: browsers go away in the middle of an upload every day; without a rule staging grows until it is the
    largest and dearest bucket, full of videos that their owners believe were never sent. A whole object is an acknowledged
    upload, too, until its preview is made: where it expires sooner than an outage of the workers is mended, it is lost.

    How it is measured: the bucket's lifecycle configuration must have an enabled rule for every key under uploads/, without
    a filter by tag or size, that expires objects after targets.staging_expires_days, and one that aborts incomplete multipart
    uploads within targets.staging_aborts_days. None may take any of these objects before, be it for some of the keys, tags
    or sizes alone, and none on a date, which is no age. No object of staging may be older than the former and two days for
    the sweep.

    Not covered: parts of uploads that should have been swept, which S3 does not date in a listing of objects; that other
    buckets have no such rule.
    """
    days, parts_days = int(observe.target("staging_expires_days")), int(observe.target("staging_aborts_days"))
    answer = observe.s3.call("get_bucket_lifecycle_configuration", Bucket="staging")
    if not answer.answered:
        raise Unanswered(str(answer), "s3")
    rules = answer.data.get("Rules", []) if answer.ok else []
    observe.evidence("rules", rules or str(answer))
    in_force = [rule for rule in rules if rule.get("Status") == "Enabled" and _covers_uploads(rule)]
    expires = _soonest(rule.get("Expiration", {}).get("Days") for rule in in_force)
    aborts = _soonest(rule.get("AbortIncompleteMultipartUpload", {}).get("DaysAfterInitiation") for rule in in_force)
    none = f"no rule in force among {len(rules)}"
    hasty = early(rules, UPLOADS, timedelta(days=days))
    with observe.cases(at_least=3) as cases:
        with cases("rule for objects"):
            wanted = f"objects under {UPLOADS} expire after {days} days, not before"
            told = ", ".join(hasty) or (f"after {expires} days" if expires else none)
            require(expires == days and not hasty, wanted, told)
        with cases("rule for incomplete uploads"):
            wanted = f"incomplete uploads under {UPLOADS} expire within {parts_days} days"
            require(0 < aborts <= parts_days, wanted, f"after {aborts} days" if aborts else none)
        with cases("nothing older"):
            oldest = min((row["LastModified"] for row in _objects(observe, "staging")), default=None)
            limit = datetime.now(UTC) - timedelta(days=days) - SWEEP
            young = oldest is None or oldest >= limit
            require(young, f"no object of staging from before {limit:%Y-%m-%d %H:%M}", f"the oldest is from {oldest}")


def _soonest(ages: Iterable[int | None]) -> int:
    """Return the least of the ages at which rules act; 0 where none does."""
    return min((age for age in ages if age), default=0)


def _covers_uploads(rule: Mapping[str, Any]) -> bool:
    """Say whether a rule is for every key under uploads/: its prefix is a beginning of theirs, and nothing else counts."""
    limit = rule.get("Filter", {})
    narrowed = set(limit) - {"Prefix"}
    return not narrowed and UPLOADS.startswith(limit.get("Prefix", rule.get("Prefix", "")))


def _objects(observe: Observe, bucket: str) -> Iterator[Mapping[str, Any]]:
    more: dict[str, str] = {}
    while True:
        page = observe.s3.call("list_objects_v2", Bucket=bucket, **more)
        if not page.ok:
            raise Unanswered(str(page), "s3")
        yield from page.data.get("Contents", [])
        if not page.data.get("IsTruncated"):
            return
        more = {"ContinuationToken": page.data["NextContinuationToken"]}


@check("INF-S3-05", severity=MAJOR, component="s3")
def test_only_the_frontends_origin_may_use_the_store(observe: Observe) -> None:
    """The store's CORS answers allow the frontend's origin to upload, and no other origin anything.

    Why it matters: with `*` any page that a user opens may use an upload's link that it got hold of and read the answer;
    without the frontend's own origin no browser uploads at all, while every test without a browser stays green.

    How it is measured: preflights as browsers send them. From the frontend's origin (the profile's [urls] app) a PUT to
    staging with type and checksum must be allowed, for that origin by name and for no further method. From origins that
    resemble it (other scheme, port, subdomain, ending), from `null` and from a stranger's, no bucket may answer a preflight
    or a plain request, nor may the store itself at its root, with Access-Control-Allow-Origin.

    Not covered: what a browser makes of it; other hosts of the product.
    """
    app = urlsplit(observe.profile.urls.get("app", ""))
    if observe.profile.s3 is None or not app.hostname:
        raise Invalid("the profile names no [s3] or no app in [urls]")
    origin, buckets = f"{app.scheme}://{app.netloc}", tuple(observe.profile.s3.buckets)
    endpoint = observe.profile.s3.endpoint.rstrip("/")
    strangers = _strangers(app.scheme, app.hostname, app.port)
    with observe.cases(at_least=4 + len(strangers) * (len(buckets) + 1) * 2) as cases:
        staging = f"{endpoint}/{observe.s3.bucket('staging')}/{UPLOADS}there-is-no-such-object"
        allowed = observe.http.options(staging, headers=_preflight(origin, "PUT"))
        said = {name: value for name, value in allowed.headers.items() if name.startswith("access-control-")}
        observe.evidence("preflight", {"origin": origin, "status": allowed.status, **said})
        with cases("the frontend uploads"):
            require(allowed.status in {200, 204}, f"a preflight of {origin} allowed", str(allowed), "s3")
        with cases("the frontend by name"):
            seen = said.get("access-control-allow-origin", "none")
            require(seen == origin, f"Access-Control-Allow-Origin {origin}", seen, "s3")
        with cases("to put and no more"):
            methods = _words(said.get("access-control-allow-methods", ""))
            require(methods == {"put"}, "PUT allowed in staging and no other method", f"{sorted(methods)}", "s3")
        with cases("with type and checksum"):
            headers = _words(said.get("access-control-allow-headers", ""))
            require(headers >= set(SENT_HEADERS), f"the headers {', '.join(SENT_HEADERS)}", f"{sorted(headers)}", "s3")
        for stranger in strangers:
            for bucket in ("", *buckets):
                path = f"{observe.s3.bucket(bucket)}/there-is-no-such-object" if bucket else ""
                url, place = f"{endpoint}/{path}", bucket or "the store's root"
                for method in METHODS:
                    with cases(f"{stranger}, preflight {method} {place}"):
                        answer = observe.http.options(url, headers=_preflight(stranger, method))
                        _require_no_origin(answer, stranger, place)
                with cases(f"{stranger}, GET {place}"):
                    _require_no_origin(observe.http.get(url, headers={"Origin": stranger}), stranger, place)


def _strangers(scheme: str, host: str, port: int | None) -> list[str]:
    behind = f":{port}" if port else ""
    other_scheme = "http" if scheme == "https" else "https"
    return [
        "https://stranger.example",
        "null",
        f"{other_scheme}://{host}{behind}",
        f"{scheme}://{host}:{(port or 443) + 1}",
        f"{scheme}://evil.{host}{behind}",
        f"{scheme}://evil{host}{behind}",
        f"{scheme}://{host}.stranger.example{behind}",
    ]


def _preflight(origin: str, method: str) -> dict[str, str]:
    return {
        "Origin": origin,
        "Access-Control-Request-Method": method,
        "Access-Control-Request-Headers": ",".join(SENT_HEADERS),
    }


def _words(text: str) -> set[str]:
    return {word.strip().lower() for word in text.split(",") if word.strip()}


def _require_no_origin(answer: HttpAnswer, origin: str, place: str) -> None:
    require(answer.status is not None, "an answer of the store", str(answer), "s3")
    seen = answer.headers.get("access-control-allow-origin")
    require(seen is None, f"nothing allowed to origin {origin} at {place}", f"allowed to origin {seen}", "s3")
