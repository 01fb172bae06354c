"""Do what the API asks of the object store: blocking functions, to be run through ObjectStore."""

import base64
import hashlib
import threading
from collections.abc import Iterable, Sequence
from contextlib import closing
from datetime import datetime
from typing import TYPE_CHECKING, Any

from system.api.models import SentPart, UploadedPart
from system.common.s3 import StoreUnavailableError

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

__all__ = [
    "all_there",
    "assemble_parts",
    "copy_once",
    "error_code",
    "found_copy",
    "list_parts",
    "lock_version",
    "presign_parts",
    "presign_put",
    "read_into",
    "remove_copy",
    "remove_objects",
    "stated_sha256",
]

CHUNK_BYTES = 1024 * 1024
MISSING = frozenset({"NoSuchKey", "NotFound", "404"})


def error_code(error: Exception) -> str:
    """Give the store's code for a botocore ClientError, '' for any other error."""
    response = getattr(error, "response", None)
    return str(response.get("Error", {}).get("Code", "")) if isinstance(response, dict) else ""


def presign_put(
    s3: "S3Client", bucket: str, key: str, *, content_type: str, size_bytes: int, sha256: str, expires_s: int
) -> tuple[str, dict[str, str]]:
    """Sign a PUT of exactly these bytes; give the URL and the headers to send (the length is sent by any client)."""
    checksum = base64.b64encode(bytes.fromhex(sha256)).decode()
    parameters = {
        "Bucket": bucket,
        "Key": key,
        "ContentLength": size_bytes,
        "ContentType": content_type,
        "ChecksumSHA256": checksum,
    }
    url = s3.generate_presigned_url("put_object", Params=parameters, ExpiresIn=expires_s)
    return url, {"Content-Type": content_type, "x-amz-checksum-sha256": checksum}


def presign_parts(
    s3: "S3Client", bucket: str, key: str, *, upload_id: str, numbers: Iterable[int], expires_s: int
) -> list[tuple[int, str]]:
    """Sign a PUT for each of these parts; give part numbers and URLs."""
    parameters: dict[str, Any] = {"Bucket": bucket, "Key": key, "UploadId": upload_id}
    return [
        (
            number,
            s3.generate_presigned_url("upload_part", Params={**parameters, "PartNumber": number}, ExpiresIn=expires_s),
        )
        for number in numbers
    ]


def list_parts(s3: "S3Client", bucket: str, key: str, *, upload_id: str) -> list[SentPart] | None:
    """List the parts that have arrived, in order; None when the upload has ended."""
    try:
        pages = s3.get_paginator("list_parts").paginate(Bucket=bucket, Key=key, UploadId=upload_id)
        return [
            SentPart(part_number=part["PartNumber"], etag=part["ETag"], size_bytes=part["Size"])
            for page in pages
            for part in page.get("Parts", ())
        ]
    except s3.exceptions.ClientError as error:
        if error_code(error) != "NoSuchUpload":
            raise
        return None


def assemble_parts(s3: "S3Client", bucket: str, key: str, *, upload_id: str, parts: Sequence[UploadedPart]) -> None:
    """Complete a multipart upload; one that is complete already is left as it is."""
    ordered = sorted(parts, key=lambda part: part.part_number)
    try:
        s3.complete_multipart_upload(
            Bucket=bucket,
            Key=key,
            UploadId=upload_id,
            MultipartUpload={"Parts": [{"PartNumber": part.part_number, "ETag": part.etag} for part in ordered]},
        )
    except s3.exceptions.ClientError as error:
        if error_code(error) != "NoSuchUpload":
            raise


def stated_sha256(
    s3: "S3Client", bucket: str, key: str, version_id: str | None = None
) -> tuple[int, str | None] | None:
    """Ask for size and SHA-256 (hex) of an object; None when it is not there.

    The store knows the checksum of what came in one piece; of what came in parts it knows at most a checksum of
    checksums, which does not count.
    """
    try:
        head = s3.head_object(**_which(bucket, key, version_id), ChecksumMode="ENABLED")
    except s3.exceptions.ClientError as error:
        if error_code(error) in MISSING:
            return None
        raise
    known = head.get("ChecksumSHA256", "")
    return head["ContentLength"], base64.b64decode(known).hex() if known and "-" not in known else None


def all_there(s3: "S3Client", objects: Sequence[tuple[str, str, str | None]]) -> bool:
    """Say whether the store has every one of these (bucket, key, version or None)."""
    return all(stated_sha256(s3, *each) is not None for each in objects)


def read_into(
    s3: "S3Client",
    digest: "hashlib._Hash",
    bucket: str,
    key: str,
    version_id: str | None,
    *,
    first: int,
    last: int,
    stop: threading.Event,
) -> None:
    """Hash these bytes of an object; raises StoreUnavailableError once `stop` is set, when nobody waits for it any more."""
    answer = s3.get_object(**_which(bucket, key, version_id), Range=f"bytes={first}-{last}")
    with closing(answer["Body"]) as body:
        for chunk in body.iter_chunks(CHUNK_BYTES):
            if stop.is_set():
                raise StoreUnavailableError(f"{bucket}/{key} was not read in time")
            digest.update(chunk)


def _which(bucket: str, key: str, version_id: str | None) -> dict[str, Any]:
    return {"Bucket": bucket, "Key": key} | ({"VersionId": version_id} if version_id else {})


def copy_once(s3: "S3Client", source: tuple[str, str], target: tuple[str, str], *, retain_until: datetime) -> str:
    """Copy inside the store unless the target exists; give the version of the one copy.

    `If-None-Match: *` makes the store itself refuse a second master. The copy is locked until `retain_until`, which is soon: without
    a lock of its own it would have the bucket's default retention, and one that turned out to be wrong would stay for days.
    """
    (source_bucket, source_key), (bucket, key) = source, target
    try:
        copied = s3.copy_object(
            Bucket=bucket,
            Key=key,
            CopySource={"Bucket": source_bucket, "Key": source_key},
            MetadataDirective="COPY",
            ChecksumAlgorithm="SHA256",
            ObjectLockMode="COMPLIANCE",
            ObjectLockRetainUntilDate=retain_until,
            IfNoneMatch="*",
        )
    except s3.exceptions.ClientError as error:
        if error_code(error) != "PreconditionFailed":
            raise
        return s3.head_object(Bucket=bucket, Key=key)["VersionId"]
    return copied["VersionId"]


def found_copy(s3: "S3Client", bucket: str, key: str) -> tuple[str, datetime | None] | None:
    """Ask for version and end of retention of a copy, which a promotion that broke off may have left; None when there is none."""
    try:
        head = s3.head_object(Bucket=bucket, Key=key)
    except s3.exceptions.ClientError as error:
        if error_code(error) in MISSING:
            return None
        raise
    return head["VersionId"], head.get("ObjectLockRetainUntilDate")


def remove_copy(s3: "S3Client", bucket: str, key: str, version_id: str) -> None:
    """Remove a version unless it is locked: then whoever asks when its lock has ended removes it."""
    try:
        s3.delete_object(Bucket=bucket, Key=key, VersionId=version_id)
    except s3.exceptions.ClientError as error:
        if error_code(error) != "AccessDenied":
            raise


def lock_version(s3: "S3Client", bucket: str, key: str, version_id: str, *, retain_until: datetime) -> datetime:
    """Put COMPLIANCE retention on a version, no shorter than what it has already, and give the date that the store then states.

    It is read back: SeaweedFS 4.48 answers 200 to a copy with lock headers, and does not lock.
    """
    head = s3.head_object(Bucket=bucket, Key=key, VersionId=version_id)
    until = max(retain_until, head.get("ObjectLockRetainUntilDate", retain_until))
    if (head.get("ObjectLockMode"), head.get("ObjectLockRetainUntilDate")) == ("COMPLIANCE", until):
        return until
    s3.put_object_retention(
        Bucket=bucket,
        Key=key,
        VersionId=version_id,
        Retention={"Mode": "COMPLIANCE", "RetainUntilDate": until},
    )
    retention = s3.get_object_retention(Bucket=bucket, Key=key, VersionId=version_id)["Retention"]
    stated = retention.get("RetainUntilDate")
    if retention.get("Mode") != "COMPLIANCE" or stated is None or stated < until:
        raise RuntimeError(f"the store did not lock {bucket}/{key}: it states {retention}")
    return stated


def remove_objects(
    s3: "S3Client",
    objects: Sequence[tuple[str, str]],
    *,
    upload: tuple[str, str, str] | None,
    master: tuple[str, str, str] | None,
) -> None:
    """Remove objects (bucket, key), an unfinished upload (bucket, key, upload id) and a master (bucket, key, version).

    Removing what is gone is no error.
    """
    if upload:
        try:
            s3.abort_multipart_upload(Bucket=upload[0], Key=upload[1], UploadId=upload[2])
        except s3.exceptions.ClientError as error:
            if error_code(error) != "NoSuchUpload":
                raise
    if master:
        s3.delete_object(Bucket=master[0], Key=master[1], VersionId=master[2])
    for bucket, key in objects:
        s3.delete_object(Bucket=bucket, Key=key)
