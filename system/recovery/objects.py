"""Bring the objects of a bucket back to what they were at a moment, from the versions that the bucket has kept.

Nothing is deleted for it: the version of then is copied over what is there now. So it can be repeated, and taken back in the
same way, and its key needs the right to read versions and to write objects, and none to delete. An object that was made
after the moment is left alone.
"""

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

__all__ = ["Outcome", "Taken", "recover_objects"]

_RETENTION = ("ObjectLockMode", "ObjectLockRetainUntilDate")


@dataclass(frozen=True)
class Taken:
    """One version that was, or would be, brought back.

    Attributes:
        key: of the object.
        version_id: the version.
        modified: when it was written.
        was: what stands in its place: `deleted` or `overwritten`.
    """

    key: str
    version_id: str
    modified: dt.datetime
    was: str


@dataclass(frozen=True)
class Outcome:
    """What became of the objects below a prefix.

    Attributes:
        taken: those that were brought back.
        unchanged: how many are as they were.
        later: how many were made after the moment, and left alone.
    """

    taken: tuple[Taken, ...]
    unchanged: int
    later: int


@dataclass(frozen=True)
class _Entry:
    """A version of an object, or the marker of its deletion."""

    version_id: str
    modified: dt.datetime
    latest: bool
    etag: str | None

    @property
    def there(self) -> bool:
        return self.etag is not None


def recover_objects(s3: "S3Client", bucket: str, prefix: str, at: dt.datetime, *, dry_run: bool = False) -> Outcome:
    """Bring every object below a prefix back to its version of that moment; a version that was locked stays locked.

    A store dates versions in whole seconds: what was written in the second of `at` counts as there. Objects of more than
    5 GiB are refused by the store (CopyObject).

    Raises:
        ValueError: the bucket keeps no versions.
        ClientError: the store refused something; what was brought back before stays.
    """
    status = s3.get_bucket_versioning(Bucket=bucket).get("Status")
    if status is None:
        raise ValueError(f"{bucket} keeps no versions: there is nothing to bring back")
    taken: list[Taken] = []
    unchanged = later = 0
    for key, entries in sorted(_histories(s3, bucket, prefix).items()):
        then, now = _at(entries, at), next(each for each in entries if each.latest)
        if then is None or not then.there:
            later += now.there
        elif now.there and now.etag == then.etag:
            unchanged += 1
        else:
            if not dry_run:
                _take(s3, bucket, key, then.version_id)
            taken.append(Taken(key, then.version_id, then.modified, "overwritten" if now.there else "deleted"))
    return Outcome(tuple(taken), unchanged, later)


def _at(entries: Sequence[_Entry], at: dt.datetime) -> _Entry | None:
    """Give what was there at a moment; of a version and a marker of one second the version, since it holds something."""
    early = [each for each in entries if each.modified.replace(microsecond=0) <= at]
    return max(early, key=lambda each: (each.modified.replace(microsecond=0), each.there, each.latest), default=None)


def _histories(s3: "S3Client", bucket: str, prefix: str) -> Mapping[str, list[_Entry]]:
    found: dict[str, list[_Entry]] = {}
    for key, entry in _entries(s3, bucket, prefix):
        found.setdefault(key, []).append(entry)
    return found


def _entries(s3: "S3Client", bucket: str, prefix: str) -> Iterator[tuple[str, _Entry]]:
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=prefix):
        for row in page.get("Versions", ()):
            yield row["Key"], _Entry(row["VersionId"], row["LastModified"], row["IsLatest"], row["ETag"].strip('"'))
        for mark in page.get("DeleteMarkers", ()):
            yield mark["Key"], _Entry(mark["VersionId"], mark["LastModified"], mark["IsLatest"], None)


def _take(s3: "S3Client", bucket: str, key: str, version_id: str) -> None:
    head: Mapping[str, Any] = s3.head_object(Bucket=bucket, Key=key, VersionId=version_id)
    until = head.get("ObjectLockRetainUntilDate")
    lock: dict[str, Any] = {}
    if until is not None and until > dt.datetime.now(dt.UTC):
        lock = {name: head[name] for name in _RETENTION}
    copied = s3.copy_object(
        Bucket=bucket,
        Key=key,
        CopySource={"Bucket": bucket, "Key": key, "VersionId": version_id},
        MetadataDirective="COPY",
        **lock,
    )
    if until is None or not lock:
        return
    # Asked for explicitly and read back: SeaweedFS answers 200 to a copy with lock headers, and does not lock.
    which: dict[str, Any] = {"Bucket": bucket, "Key": key, "VersionId": copied["VersionId"]}
    retention: dict[str, Any] = {"Mode": head["ObjectLockMode"], "RetainUntilDate": until}
    s3.put_object_retention(**which, Retention=retention)  # type: ignore[arg-type]
    stated = s3.get_object_retention(**which)["Retention"].get("RetainUntilDate")
    if stated is None or stated < until:
        raise RuntimeError(f"the store did not lock {bucket}/{key}, which was locked until {until}: it states {stated}")
