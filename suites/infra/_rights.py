"""What each key may do in each bucket, and requests that ask without doing: allowed or not, nothing of others changes.

A store decides first whether the key may, and only then looks at the request. Each request is therefore one that cannot
be carried out: bytes under another's digest, a part of an upload that nobody began, a policy that is no JSON, a key that
nobody wrote. Refused for want of a right means the key may not; any other answer means that it may. Deleting what is not
there leaves a marker in a bucket with versions; its version is told, so that the check can remove it.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from seatrial import Exercise
from seatrial.facets.s3 import ServiceKey
from seatrial.probes.http import HttpAnswer
from suites.infra import _lock

SERVICES = ("api", "worker", "edge")
ANONYMOUS = "a stranger"
LIST, READ, WRITE, PART, DELETE, CONFIGURE = "list", "read", "write", "write parts", "delete", "change the policy of"
ACTIONS = (LIST, READ, WRITE, PART, DELETE, CONFIGURE)
_ALL = frozenset({LIST, READ, WRITE, PART, DELETE})
# What each service needs to do its work; everything else, in whatever bucket there is, is refused.
NEEDS: Mapping[tuple[str, str], frozenset[str]] = {
    ("api", "staging"): _ALL,
    ("api", "masters"): _ALL,
    ("api", "previews"): frozenset({LIST, READ, DELETE}),
    ("worker", "staging"): frozenset({LIST, READ}),
    ("worker", "masters"): frozenset({READ}),
    ("worker", "previews"): _ALL,
    ("edge", "previews"): frozenset({LIST, READ}),
}
# MD5 of no body that is ever sent here.
_OTHER_DIGEST = "AAAAAAAAAAAAAAAAAAAAAA=="
_NO_UPLOAD = "0" * 32
_NO_POLICY = "this is no policy"
_MARKER = re.compile(r"<DeleteMarkerVersionId>([^<]+)<")
_BATCH = "<Delete><Object><Key>{key}</Key></Object></Delete>"


@dataclass(frozen=True)
class Asked:
    """One request as somebody: what it asked to do and what the store said.

    Attributes:
        allowed: the store let it past its rights; None when it gave no answer that tells.
        left: the version that it made, empty in a bucket without versions; None when it made nothing.
    """

    who: str
    action: str
    bucket: str
    allowed: bool | None
    said: str
    left: str | None = None


def needed(who: str, bucket: str, action: str) -> bool:
    """Say whether somebody needs to do that in the bucket with that role."""
    return action in NEEDS.get((who, bucket), frozenset())


def readable(exercise: Exercise, bucket: str) -> str | None:
    """Give a key that can be read: without the right to list, S3 refuses an absent one as if it might not be read either.

    Among masters it is a probe of our own, locked for seconds, since those of others come and go; elsewhere whatever is
    there, None where nothing is. Raises Failure where the probe is refused.
    """
    if bucket == _lock.BUCKET:
        return _lock.Locked.write(exercise, exercise.s3.service("api"), "COMPLIANCE", _lock.LEAST_S).key
    listed = exercise.s3.call("list_objects_v2", Bucket=bucket, MaxKeys=1).data.get("Contents", [])
    return str(listed[0]["Key"]) if listed else None


def asked_by(service: ServiceKey, bucket: str, there: str, absent: str) -> Iterator[Asked]:
    """Ask for every action with a service's key; `there` is a key to read, `absent` one that nobody wrote."""
    where: dict[str, Any] = {"Bucket": bucket, "Key": absent}
    calls: dict[str, tuple[str, dict[str, Any]]] = {
        LIST: ("list_objects_v2", {"Bucket": bucket, "MaxKeys": 1}),
        READ: ("get_object", {"Bucket": bucket, "Key": there, "Range": "bytes=0-0"}),
        WRITE: ("put_object", where | {"Body": b"x", "ContentMD5": _OTHER_DIGEST}),
        PART: ("upload_part", where | {"Body": b"x", "UploadId": _NO_UPLOAD, "PartNumber": 1}),
        DELETE: ("delete_object", where),
        CONFIGURE: ("put_bucket_policy", {"Bucket": bucket, "Policy": _NO_POLICY}),
    }
    for action in ACTIONS:
        operation, arguments = calls[action]
        answer = service.call(operation, **arguments)
        version = answer.data.get("VersionId")
        left = (version or "") if answer.ok and (action == WRITE or (action == DELETE and version)) else None
        yield Asked(service.service, action, bucket, _allowed(answer.status, answer.code), str(answer), left)


def asked_by_stranger(exercise: Exercise, bucket: str, there: str, absent: str) -> Iterator[Asked]:
    """Ask for every action without any key; deleting in a batch, too."""
    digest = {"Content-MD5": _OTHER_DIGEST}
    requests: list[tuple[str, str, str, str, dict[str, str], bytes | None]] = [
        (LIST, "GET", "", "list-type=2", {}, None),
        (READ, "GET", there, "", {}, None),
        (WRITE, "PUT", absent, "", digest, b"x"),
        (PART, "PUT", absent, f"partNumber=1&uploadId={_NO_UPLOAD}", {}, b"x"),
        (DELETE, "DELETE", absent, "", {}, None),
        (DELETE, "POST", "", "delete", {}, _BATCH.format(key=absent).encode()),
        (CONFIGURE, "PUT", "", "policy", {}, _NO_POLICY.encode()),
    ]
    for action, method, key, query, headers, body in requests:
        answer = exercise.s3.anonymous(method, bucket, key, query=query, headers=headers, body=body)
        refused = answer.status in {401, 403}
        allowed = None if answer.status is None or answer.status >= 500 else not refused
        yield Asked(ANONYMOUS, action, bucket, allowed, str(answer), _left(action, answer))


def _left(action: str, answer: HttpAnswer) -> str | None:
    if answer.status is None or not 200 <= answer.status < 300 or action not in {WRITE, DELETE}:
        return None
    batch = _MARKER.search(answer.text)
    version = batch[1] if batch else answer.headers.get("x-amz-version-id")
    return version if action == DELETE else version or ""


def _allowed(status: int | None, code: str) -> bool | None:
    """Tell from an answer; a 403 for another reason, such as a signature, or a fault of the store tells nothing."""
    if status is None or status >= 500 or (status in {401, 403} and code != "AccessDenied"):
        return None
    return status not in {401, 403}
