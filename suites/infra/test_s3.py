"""The object store: buckets in their place, closed to strangers, and masters that nobody can undo."""

import time
from datetime import UTC, datetime

from seatrial import BLOCKER, Exercise, Failure, Invalid, Observe, check, eventually, require
from suites.client import Created, Session, signed_in, small_clip
from suites.infra import _presigned as presigned
from suites.infra._lock import Locked, attempts

NEEDED = ("staging", "masters", "previews")
LISTINGS = ("", "list-type=2", "versions", "uploads")
REFUSED = {401, 403}
SERVICES = ("api", "worker", "edge")
LOCK_LEAST_S, LOCK_CALLS = 4.0, 120
LONGEST_LIFE_S = 3600
SHORT_LIFE_S = 2


@check("INF-S3-01", severity=BLOCKER, component="s3")
def test_the_buckets_are_in_place_and_closed_to_strangers(observe: Observe) -> None:
    """Every declared bucket exists in the declared region, and refuses anonymous list and get.

    Why it matters: one bucket policy made for a moment's convenience has published millions of customers' files, and a
    bucket in another region breaks latency, cost and the promise of where data lies.

    How it is measured: with the observing key each bucket answers and names its region (GetBucketLocation). Without any
    key, every form of listing, the get of an object that exists and the get of one that does not must be refused with
    401 or 403: a 404 already tells a stranger what is not there.

    Not covered: anonymous writes (INF-S3-02); objects that carry an access list of their own, beyond the one tried.
    """
    place = observe.profile.s3
    if place is None or not set(NEEDED) <= set(place.buckets):
        raise Invalid(f"the profile names no bucket for one of {', '.join(NEEDED)}")
    region = str(observe.target("region"))
    with observe.cases(at_least=1 + len(place.buckets) * (3 + len(LISTINGS))) as cases:
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
            first = observe.s3.call("list_objects_v2", Bucket=bucket, MaxKeys=1).data.get("Contents", [])
            for key in ("there-is-no-such-object", *(row["Key"] for row in first)):
                with cases(f"{role} anonymous get {key}"):
                    answer = observe.s3.anonymous("GET", bucket, key)
                    require(answer.status in REFUSED, "anonymous get refused", str(answer))


@check("INF-S3-03", severity=BLOCKER, component="s3")
def test_a_locked_master_cannot_be_undone(exercise: Exercise) -> None:
    """Masters are versioned and locked by default, and a locked version can neither be deleted, replaced nor released.

    Why it matters: the master is the last copy. A thief of a service's key, or a bug in a clean-up, must not be able to
    remove it before its retention ends.

    How it is measured: versioning and the default retention are read and compared with targets.masters_lock_mode and
    targets.masters_lock_days. With the API's key a probe is written that carries its own retention of seconds; then with
    every service's key and with none: delete of the version, the same with the bypass header, batch delete, shorter
    retention, weaker mode, no retention. Writing the key again and a plain delete must leave the version readable. A
    second probe in GOVERNANCE mode tells whether any service may bypass. After the retention the probes are removed.

    Not covered: the store's own administrator; doors beside S3, which INF-NET-01 keeps shut.
    """
    mode, days = str(exercise.target("masters_lock_mode")), int(exercise.target("masters_lock_days"))
    versioning = exercise.s3.call("get_bucket_versioning", Bucket="masters")
    asked = time.monotonic()
    lock = exercise.s3.call("get_object_lock_configuration", Bucket="masters")
    # Long enough for every attempt at the speed of this store, and no longer: the check waits for it to end.
    lock_s = LOCK_LEAST_S + LOCK_CALLS * (time.monotonic() - asked)
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
        soft = Locked.write(exercise, api, "GOVERNANCE", lock_s)
        for probe in (firm, soft):
            for attempt in attempts(exercise, services, probe):
                with cases(f"{probe.mode} {attempt.name}"):
                    refusal = attempt.make()
                    require(refusal.refused, "a refusal", refusal.said)
                    require(probe.intact(exercise), "the locked version unchanged", "it is gone or released", "s3")
        with cases("written again"):
            again = firm.write_again(exercise, api)
            require(again != firm.version_id, "a version of its own", f"version {again} again")
            require(firm.intact(exercise), "the locked version readable after an overwrite", "it is gone or changed")
        with cases("plain delete"):
            firm.delete_plainly(api)
            require(firm.intact(exercise), "the locked version readable after a delete", "it is gone or changed")
        if not cases.findings and datetime.now(UTC) >= min(firm.until, soft.until):
            raise Invalid(
                f"the attempts took longer than the probe's retention of {lock_s:.0f} s, so nothing was tried"
            )


@check("INF-S3-06", severity=BLOCKER, component="s3")
def test_a_presigned_upload_does_exactly_what_was_signed(exercise: Exercise) -> None:
    """A presigned PUT round-trips, single and in parts, with checksum; anything else is refused, and it dies on expiry.

    Why it matters: browsers upload straight to the store. A URL that refuses what it should take stops the product; one
    that takes more lets anybody with a link fill the store, replace another's video, or upload for ever.

    How it is measured: as a client of the API. Bytes are sent by the URL and read back with the observing key: size, type,
    SHA-256. The same URL is first bent in one thing at a time (length, bytes, checksum, type, key, bucket, life, date,
    signature, method): each must be refused, and nothing may be written. In parts: two parts, completed, read back; a
    part sent with the URL of another number's or upload's id, and a completion with a part of other bytes, are refused.
    The URL's signed life must be at most an hour; another, signed here with the API's key for two seconds, must work
    before its end and be refused after.

    Not covered: browsers' own rules (INF-S3-05); an interrupted upload that goes on later (DEP-FLOW-04).
    """
    session = signed_in(exercise)
    clip = small_clip().content
    with exercise.cases(at_least=20) as cases:
        with cases("single"):
            _single_round_trip(exercise, session, clip)
        created, upload = presigned.announced(exercise, session, "bent", clip)
        for bent in presigned.bent(upload, created.asset.id, clip):
            with cases(bent.name):
                answer = exercise.http.request(bent.method, bent.url, headers=bent.headers, data=bent.body)
                require(presigned.refused(answer), f"{bent.name}: refused", f"{answer.status or answer.error}")
        with cases("nothing written by refused requests"):
            head = exercise.s3.head("staging", _key(created))
            require(head.status == 404, "no object yet", str(head))
        with cases("the URL that was bent is good"):
            session.put(upload, clip)
        with cases("bounded life"):
            life_s = presigned.lifetime_s(upload.url or "") or 0
            require(0 < life_s <= LONGEST_LIFE_S, f"a life of up to {LONGEST_LIFE_S} s", f"{life_s} s")
        with cases("multipart"):
            _parts_round_trip(exercise, session, clip)
        with cases("multipart, other bytes"):
            _parts_with_other_bytes(exercise, session, clip)
        with cases("dies on expiry"):
            _dies_on_expiry(exercise)


def _key(created: Created) -> str:
    return f"uploads/{created.asset.id}"


def _single_round_trip(exercise: Exercise, session: Session, content: bytes) -> None:
    created, upload = presigned.announced(exercise, session, "single", content)
    session.put(upload, content)
    _require_stored(exercise, created, content)
    head = exercise.s3.call("head_object", Bucket="staging", Key=_key(created), ChecksumMode="ENABLED")
    kept = head.data.get("ChecksumSHA256")
    require(kept == presigned.sha256_base64(content), "the store keeps the SHA-256 that was sent", kept or str(head))
    session.complete(created.asset.id)


def _parts_round_trip(exercise: Exercise, session: Session, clip: bytes) -> None:
    created, upload, content = presigned.announced_in_parts(exercise, session, clip)
    first, second = upload.parts[:2]
    swapped = first.url.replace("partNumber=1&", "partNumber=2&")
    foreign = first.url.replace(upload.upload_id or "?", "0" * len(upload.upload_id or "?"))
    for name, url in (("another part's number", swapped), ("another upload's id", foreign)):
        if url in {first.url, second.url}:
            raise Invalid(f"the part's URL could not be bent to {name}: {first.url.partition('?')[0]}")
        answer = exercise.http.put(url, data=b"x")
        require(presigned.refused(answer) or answer.status == 404, f"{name}: refused", f"{answer}")
    parts = session.put(upload, content)
    done = session.complete(created.asset.id, parts)
    require(done.status != "awaiting_upload", "a completed upload", done.status, "api")
    _require_stored(exercise, created, content)


def _parts_with_other_bytes(exercise: Exercise, session: Session, clip: bytes) -> None:
    created, upload = presigned.announced(exercise, session, "other bytes", clip, multipart=True)
    parts = session.put(upload, clip[:-1] + bytes([clip[-1] ^ 1]))
    answer = session.call("POST", f"/v1/assets/{created.asset.id}/complete", json={"parts": parts}, timeout_s=30.0)
    require(answer.status == 409, "409 for parts whose SHA-256 is not the announced one", str(answer), "api")


def _require_stored(exercise: Exercise, created: Created, content: bytes) -> None:
    stored = exercise.s3.get("staging", _key(created))
    require(stored.ok, "the object in staging", stored.error)
    same = stored.body == content
    require(same, f"the {len(content)} bytes that were sent", f"{len(stored.body)} bytes, other content")
    kind = stored.data.get("ContentType")
    require(kind == created.asset.content_type, f"content type {created.asset.content_type}", kind)


def _dies_on_expiry(exercise: Exercise) -> None:
    key, api = f"uploads/{exercise.marker}", exercise.s3.service("api")
    url = api.presign("put_object", Bucket="staging", Key=key, ContentType="video/mp4", lifetime_s=SHORT_LIFE_S)
    exercise.cleanup(api.call, "delete_object", Bucket="staging", Key=key)
    alive = exercise.http.put(url, data=b"x", headers={"Content-Type": "video/mp4"})
    if alive.status == 403 and abs(presigned.clock_offset_s(alive)) >= SHORT_LIFE_S:
        raise Invalid(f"this machine's clock is {presigned.clock_offset_s(alive):.0f} s off the store's")
    require(alive.status == 200, "200 before expiry", str(alive))

    def _dead() -> bool:
        answer = exercise.http.put(url, data=b"x", headers={"Content-Type": "video/mp4"})
        if not presigned.refused(answer):
            raise Failure("a refusal after expiry", str(answer))
        return True

    what = f"refused once its {SHORT_LIFE_S} s are over"
    eventually(_dead, within_s=SHORT_LIFE_S + 3.0, every_s=0.25, what=what, where="s3")
