"""Strikes on a live object store, each with its inverse in the undo log before it acts."""

import base64
import json
from typing import Any

from seatrial.errors import EnvironmentFault, HarnessError
from seatrial.facets.s3._exercise import ExerciseS3
from seatrial.facets.s3._observe import call
from seatrial.inverses import inverse
from seatrial.probes.s3 import S3Answer
from seatrial.scope import Scope

# An object's bytes travel through the undo log, one JSON line.
BODY_LIMIT_BYTES = 16 * 1024 * 1024

# Parts of a bucket's configuration: how to read, write and remove each, the argument that carries it, its one member.
_PARTS = {
    "policy": ("get_bucket_policy", "put_bucket_policy", "delete_bucket_policy", "Policy", ""),
    "cors": ("get_bucket_cors", "put_bucket_cors", "delete_bucket_cors", "CORSConfiguration", "CORSRules"),
    "lifecycle": (
        "get_bucket_lifecycle_configuration",
        "put_bucket_lifecycle_configuration",
        "delete_bucket_lifecycle",
        "LifecycleConfiguration",
        "Rules",
    ),
    "encryption": (
        "get_bucket_encryption",
        "put_bucket_encryption",
        "delete_bucket_encryption",
        "ServerSideEncryptionConfiguration",
        "",
    ),
    # Object lock itself can never be taken away again, only its rule.
    "lock": ("get_object_lock_configuration", "put_object_lock_configuration", "", "ObjectLockConfiguration", ""),
}

_VERSIONING = {True: "Enabled", False: "Suspended"}


class DestroyS3(ExerciseS3):
    """Changes to buckets' configuration and to objects."""

    def set_policy(self, bucket: str, policy: dict[str, Any]) -> None:
        """Replace the bucket's policy; the inverse puts back the one of now, or none."""
        self._configure("policy", bucket, json.dumps(policy))

    def set_cors(self, bucket: str, rules: list[dict[str, Any]] | None) -> None:
        """Replace the bucket's CORS rules, None for none; the inverse puts back those of now."""
        self._configure("cors", bucket, None if rules is None else {"CORSRules": rules})

    def set_lifecycle(self, bucket: str, rules: list[dict[str, Any]] | None) -> None:
        """Replace the bucket's lifecycle rules, None for none; the inverse puts back those of now."""
        self._configure("lifecycle", bucket, None if rules is None else {"Rules": rules})

    def set_default_retention(self, bucket: str, mode: str | None, days: int = 0) -> None:
        """Replace the default retention of a bucket with object lock, None for none; the inverse puts back that of now."""
        if _configuration(self._scope, "lock", self.bucket(bucket)) is None:
            raise HarnessError(f"{self.bucket(bucket)} has no object lock")
        rule = {"Rule": {"DefaultRetention": {"Mode": mode, "Days": days}}} if mode else {}
        self._configure("lock", bucket, {"ObjectLockEnabled": "Enabled", **rule})

    def set_encryption(self, bucket: str, algorithm: str | None) -> None:
        """Replace the encryption at rest of what is written from now on, None for none; the inverse puts back that of now."""
        rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": algorithm}}
        self._configure("encryption", bucket, {"Rules": [rule]} if algorithm else None)

    def set_versioning(self, bucket: str, *, enabled: bool) -> None:
        """Keep versions of what is written from now on, or stop it; the inverse does as it is now.

        A bucket that never had versions can only be brought to having stopped (PutBucketVersioning).
        """
        name = self.bucket(bucket)
        now = _done(call(self._scope, "get_bucket_versioning", Bucket=name)).data.get("Status")
        self._scope.undo("s3.version", {"bucket": name, "status": now or _VERSIONING[False]})
        _version(self._scope, bucket=name, status=_VERSIONING[enabled])

    def put_object(self, bucket: str, key: str, body: bytes, content_type: str = "application/octet-stream") -> None:
        """Write an object; the inverse removes the new version, or puts back the bytes that it has now.

        Raises HarnessError in a bucket that locks what is written: that could not be undone.
        """
        lock = call(self._scope, "get_object_lock_configuration", Bucket=self.bucket(bucket)).data
        if lock.get("ObjectLockConfiguration", {}).get("Rule"):
            raise HarnessError(
                f"{self.bucket(bucket)} locks every object by default, so that no inverse could remove one"
            )
        self._strike_object(bucket, key)
        _done(call(self._scope, "put_object", Bucket=self.bucket(bucket), Key=key, Body=body, ContentType=content_type))

    def delete_object(self, bucket: str, key: str) -> None:
        """Delete an object; the inverse removes the delete marker, or puts back the bytes that it has now."""
        self._strike_object(bucket, key)
        _done(call(self._scope, "delete_object", Bucket=self.bucket(bucket), Key=key))

    def _configure(self, part: str, bucket: str, value: Any) -> None:
        name = self.bucket(bucket)
        self._scope.undo(
            "s3.configure", {"part": part, "bucket": name, "value": _configuration(self._scope, part, name)}
        )
        _set_configuration(self._scope, part, name, value)

    def _strike_object(self, bucket: str, key: str) -> None:
        name = self.bucket(bucket)
        if _versioned(self._scope, name):
            versions = _versions(self._scope, name, key)
            self._scope.undo("s3.drop_versions", {"bucket": name, "key": key, "keep": versions})
            return
        now = call(self._scope, "get_object", Bucket=name, Key=key)
        if now.ok and len(now.body) > BODY_LIMIT_BYTES:
            raise HarnessError(f"{name}/{key} is too large to be put back from the undo log ({len(now.body)} bytes)")
        if not now.ok and now.code not in {"NoSuchKey", "404"}:
            _done(now)
        body = base64.b64encode(now.body).decode() if now.ok else None
        self._scope.undo(
            "s3.put_back",
            {
                "bucket": name,
                "key": key,
                "body": body,
                "content_type": now.data.get("ContentType", ""),
                "metadata": dict(now.data.get("Metadata", {})) if now.ok else {},
            },
        )


def _done(answer: S3Answer) -> S3Answer:
    if not answer.ok:
        raise EnvironmentFault(f"s3: {answer}")
    return answer


def _configuration(scope: Scope, part: str, bucket: str) -> Any:
    get, _, _, argument, member = _PARTS[part]
    answer = call(scope, get, Bucket=bucket)
    if answer.ok:
        return {member: answer.data[member]} if member else answer.data[argument]
    if answer.status == 404 and answer.code != "NoSuchBucket":
        return None
    raise EnvironmentFault(f"s3: {answer}")


def _set_configuration(scope: Scope, part: str, bucket: str, value: Any) -> None:
    _, put, delete, argument, _ = _PARTS[part]
    if value is not None:
        _done(call(scope, put, Bucket=bucket, **{argument: value}))
        return
    answer = call(scope, delete, Bucket=bucket)
    if answer.status != 404 or answer.code == "NoSuchBucket":
        _done(answer)


def _versioned(scope: Scope, bucket: str) -> bool:
    return "Status" in _done(call(scope, "get_bucket_versioning", Bucket=bucket)).data


def _versions(scope: Scope, bucket: str, key: str) -> list[str]:
    found, more = [], dict[str, str]()
    while True:
        data = _done(call(scope, "list_object_versions", Bucket=bucket, Prefix=key, **more)).data
        rows = [*data.get("Versions", []), *data.get("DeleteMarkers", [])]
        found += [row["VersionId"] for row in rows if row["Key"] == key]
        if not data.get("IsTruncated"):
            return found
        more = {"KeyMarker": data["NextKeyMarker"], "VersionIdMarker": data.get("NextVersionIdMarker", "")}


@inverse("s3.configure")
def _undo_configure(scope: Scope, *, part: str, bucket: str, value: Any) -> None:
    _set_configuration(scope, part, bucket, value)


@inverse("s3.version")
def _version(scope: Scope, *, bucket: str, status: str) -> None:
    _done(call(scope, "put_bucket_versioning", Bucket=bucket, VersioningConfiguration={"Status": status}))


@inverse("s3.drop_versions")
def _undo_versioned(scope: Scope, *, bucket: str, key: str, keep: list[str]) -> None:
    for version in _versions(scope, bucket, key):
        if version not in keep:
            _done(call(scope, "delete_object", Bucket=bucket, Key=key, VersionId=version))


@inverse("s3.put_back")
def _undo_unversioned(
    scope: Scope, *, bucket: str, key: str, body: str | None, content_type: str, metadata: dict[str, str]
) -> None:
    if body is None:
        _done(call(scope, "delete_object", Bucket=bucket, Key=key))
        return
    content = {"ContentType": content_type} if content_type else {}
    _done(call(scope, "put_object", Bucket=bucket, Key=key, Body=base64.b64decode(body), Metadata=metadata, **content))
