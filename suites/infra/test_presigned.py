"""Uploads straight to the object store, by a URL that somebody signed."""

import time
import uuid

from seatrial import BLOCKER, Exercise, Failure, Invalid, check, eventually, require
from seatrial.probes.text import without_queries
from suites.client import Created, Session, remove_object, signed_in, small_clip
from suites.infra import _presigned as presigned
from suites.infra._lock import remove_all

LONGEST_LIFE_S = 3600
SHORT_LIFE_S = 2


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
    before its end and be refused after; a first use that comes too late for that is INVALID.

    Not covered: browsers' own rules (INF-S3-05); an interrupted upload that goes on later (DEP-FLOW-04).
    """
    session = signed_in(exercise)
    clip = small_clip().content
    with exercise.cases(at_least=20) as cases:
        with cases("single"):
            _single_round_trip(exercise, session, clip)
        created, upload = presigned.announced(exercise, session, "bent", clip)
        other_id, masters = str(uuid.uuid4()), exercise.s3.bucket("masters")
        api = exercise.s3.service("api")
        # Where the store takes what it must refuse, it lies in another place than the announced one.
        exercise.cleanup(remove_object, api, "staging", f"uploads/{other_id}")
        exercise.cleanup(remove_all, exercise, api, _key(created))
        for bent in presigned.bent(upload, created.asset.id, clip, other_id=other_id, other_bucket=masters):
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
            raise Invalid(f"the part's URL could not be bent to {name}: {without_queries(first.url)}")
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
    signed_s = time.monotonic()
    url = api.presign("put_object", Bucket="staging", Key=key, ContentType="video/mp4", lifetime_s=SHORT_LIFE_S)
    exercise.cleanup(remove_object, api, "staging", key)
    alive = exercise.http.put(url, data=b"x", headers={"Content-Type": "video/mp4"})
    if why := presigned.untold(alive, time.monotonic() - signed_s, SHORT_LIFE_S):
        raise Invalid(why)
    require(alive.status == 200, "200 before expiry", str(alive))

    def _dead() -> bool:
        answer = exercise.http.put(url, data=b"x", headers={"Content-Type": "video/mp4"})
        if not presigned.refused(answer):
            raise Failure("a refusal after expiry", str(answer))
        return True

    what = f"refused once its {SHORT_LIFE_S} s are over"
    eventually(_dead, within_s=SHORT_LIFE_S + 3.0, every_s=0.25, what=what, where="s3")
