"""Uploads by presigned URL as a real client makes them, and every way to bend one."""

import base64
import hashlib
import re
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from seatrial import Exercise, Failure
from seatrial.probes.http import HttpAnswer
from suites.client import Created, Session, Upload

CHECKSUM = "x-amz-checksum-sha256"
REFUSED = {400, 401, 403, 411, 412}
PAD_BYTES = 64 * 1024


@dataclass(frozen=True)
class Bent:
    """One request that a presigned URL must not allow."""

    name: str
    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes | None


def bent(upload: Upload, asset_id: str, body: bytes, *, other_id: str, other_bucket: str) -> Iterator[Bent]:
    """Give requests that each differ in one thing from what was signed for `body`."""
    url, headers = upload.url or "", dict(upload.headers)
    other = body[:-1] + bytes([body[-1] ^ 1])
    checksum = next((name for name in headers if name.lower() == CHECKSUM), CHECKSUM)
    kind = next((name for name in headers if name.lower() == "content-type"), "Content-Type")
    without = {name: value for name, value in headers.items() if name != checksum}
    yield Bent("wrong length, longer", "PUT", url, headers, body + b"\0")
    yield Bent("wrong length, shorter", "PUT", url, headers, body[:-1])
    yield Bent("wrong length, empty", "PUT", url, headers, b"")
    yield Bent("other bytes", "PUT", url, headers, other)
    yield Bent("other bytes with their own checksum", "PUT", url, headers | {checksum: sha256_base64(other)}, other)
    yield Bent("no checksum", "PUT", url, without, body)
    yield Bent("wrong type", "PUT", url, headers | {kind: "text/html"}, body)
    yield Bent("wrong key", "PUT", url.replace(asset_id, other_id), headers, body)
    yield Bent("wrong bucket", "PUT", _in_bucket(url, other_bucket), headers, body)
    yield Bent("longer life", "PUT", re.sub(r"X-Amz-Expires=\d+", "X-Amz-Expires=604800", url), headers, body)
    yield Bent("another day", "PUT", re.sub(r"X-Amz-Date=\d{4}", "X-Amz-Date=2019", url), headers, body)
    yield Bent("another signature", "PUT", _resigned(url), headers, body)
    yield Bent("read instead of written", "GET", url, headers, None)
    yield Bent("deleted instead of written", "DELETE", url, headers, None)


def _in_bucket(url: str, bucket: str) -> str:
    return re.sub(r"^(https?://[^/]+/)[^/]+", rf"\g<1>{bucket}", url)


def _resigned(url: str) -> str:
    return re.sub(r"X-Amz-Signature=[0-9a-f]+", f"X-Amz-Signature={secrets.token_hex(32)}", url)


def sha256_base64(body: bytes) -> str:
    """Return the checksum as S3 writes it."""
    return base64.b64encode(hashlib.sha256(body).digest()).decode()


def refused(answer: HttpAnswer) -> bool:
    """Say whether the store refused, by its own word."""
    return answer.status in REFUSED


def lifetime_s(url: str) -> int | None:
    """Return for how long the URL is good, as it says under its own signature."""
    found = re.search(r"[?&]X-Amz-Expires=(\d+)", url)
    return int(found[1]) if found else None


def untold(answer: HttpAnswer, took_s: float, life_s: int) -> str:
    """Say why a refusal within a URL's life tells nothing of the store; nothing where it does.

    A life begins with the full second in which the URL was signed; `took_s` goes from there to the answer.
    """
    off_s = clock_offset_s(answer)
    if answer.status != 403:
        return ""
    if took_s > life_s - 1:
        return f"{took_s:.1f} s went by from signing to the answer, of a life of {life_s} s: too busy a machine"
    return f"this machine's clock is {off_s:.0f} s off the store's" if abs(off_s) >= life_s else ""


def clock_offset_s(answer: HttpAnswer) -> float:
    """Return how far this machine's clock is ahead of the answerer's, in whole seconds; 0 when it names no time."""
    try:
        theirs = parsedate_to_datetime(answer.headers.get("date", ""))
    except ValueError:
        return 0.0
    return (datetime.now(UTC) - theirs).total_seconds()


def padded(clip: bytes, size_bytes: int) -> bytes:
    """Return the clip, still a valid MP4, with a `free` box at its end that brings it to at least that size."""
    missing = max(8, size_bytes - len(clip))
    return clip + missing.to_bytes(4, "big") + b"free" + secrets.token_bytes(missing - 8)


def announced_in_parts(exercise: Exercise, session: Session, clip: bytes) -> tuple[Created, Upload, bytes]:
    """Announce a multipart upload of two parts or more; return it with the bytes it is for.

    The product chooses the size of its parts, so that a first, small upload asks for it.
    """
    first, upload = announced(exercise, session, "parts", clip, multipart=True)
    if len(upload.parts) > 1:
        return first, upload, clip
    content = padded(clip, (upload.part_size_bytes or 0) + PAD_BYTES)
    created, upload = announced(exercise, session, "two parts", content, multipart=True)
    if len(upload.parts) < 2:
        raise Failure(f"two parts for {len(content)} bytes", f"{len(upload.parts)} parts of {upload.part_size_bytes}")
    return created, upload, content


def announced(
    exercise: Exercise, session: Session, title: str, content: bytes, *, multipart: bool = False
) -> tuple[Created, Upload]:
    """Announce an upload, which is removed when the check ends; raises Failure when no way to upload is given."""
    created = session.create(f"{exercise.marker} {title}", content, multipart=multipart)
    exercise.cleanup(session.remove, created.asset.id)
    if created.upload is None:
        raise Failure("a place to upload to", "none in the answer", "api")
    return created, created.upload
