"""The buckets and their rules; run at every `up`, so that it repairs what was changed by hand."""

from typing import TYPE_CHECKING

from system.platforms.local.errors import PlatformError
from system.platforms.local.layout import Layout
from system.platforms.local.parts.s3_identities import BACKUPS, BUCKETS, MASTERS, REGION, STAGING
from system.platforms.local.secret_files import SecretFiles

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client
    from types_boto3_s3.type_defs import CORSRuleTypeDef, LifecycleRuleTypeDef

_DEFAULT_RETENTION_DAYS = 1
# How long a backup that was dropped or overwritten, by whomever, can be had back.
_NONCURRENT_DAYS = 7
# A whole upload is acknowledged, and its only copy until a worker has had it: the workers may be out for a long weekend. Parts of
# one that was never completed are nobody's after a day, for its links have ended.
_UPLOADED_DAYS, _PARTS_DAYS = 7, 1


def require_buckets(layout: Layout, secrets: SecretFiles) -> None:
    """Raise PlatformError where the store lacks a bucket: made anew it would be empty. Blocks, so run it in a thread."""
    client = store_client(layout, secrets.read("s3-admin.access"), secrets.read("s3-admin.secret"))
    there = {bucket["Name"] for bucket in client.list_buckets()["Buckets"]}
    if lacks := [each for each in BUCKETS if each not in there]:
        raise PlatformError(f"the store lacks {', '.join(lacks)}")


def ensure_buckets(layout: Layout, secrets: SecretFiles) -> None:
    """Make the four buckets with object lock, versions, encryption, CORS and lifecycle rules; blocks, so run it in a thread."""
    client = store_client(layout, secrets.read("s3-admin.access"), secrets.read("s3-admin.secret"))
    there = {bucket["Name"] for bucket in client.list_buckets()["Buckets"]}
    for bucket in BUCKETS:
        if bucket not in there:
            client.create_bucket(Bucket=bucket, ObjectLockEnabledForBucket=bucket == MASTERS)
    client.put_object_lock_configuration(
        Bucket=MASTERS,
        ObjectLockConfiguration={
            "ObjectLockEnabled": "Enabled",
            "Rule": {"DefaultRetention": {"Mode": "COMPLIANCE", "Days": _DEFAULT_RETENTION_DAYS}},
        },
    )
    client.put_bucket_versioning(Bucket=BACKUPS, VersioningConfiguration={"Status": "Enabled"})
    client.put_bucket_encryption(
        Bucket=BACKUPS,
        ServerSideEncryptionConfiguration={
            "Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]
        },
    )
    dropped: LifecycleRuleTypeDef = {
        "ID": "dropped",
        "Status": "Enabled",
        "Filter": {"Prefix": ""},
        "NoncurrentVersionExpiration": {"NoncurrentDays": _NONCURRENT_DAYS},
        "Expiration": {"ExpiredObjectDeleteMarker": True},
    }
    client.put_bucket_lifecycle_configuration(Bucket=BACKUPS, LifecycleConfiguration={"Rules": [dropped]})
    cors: CORSRuleTypeDef = {
        "AllowedOrigins": [layout.addresses.origin("app")],
        "AllowedMethods": ["PUT"],
        "AllowedHeaders": ["content-type", "x-amz-checksum-sha256"],
        "ExposeHeaders": ["ETag"],
        "MaxAgeSeconds": 600,
    }
    client.put_bucket_cors(Bucket=STAGING, CORSConfiguration={"CORSRules": [cors]})
    leftovers: LifecycleRuleTypeDef = {
        "ID": "leftovers",
        "Status": "Enabled",
        "Filter": {"Prefix": "uploads/"},
        "Expiration": {"Days": _UPLOADED_DAYS},
        "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": _PARTS_DAYS},
    }
    client.put_bucket_lifecycle_configuration(Bucket=STAGING, LifecycleConfiguration={"Rules": [leftovers]})


def store_client(layout: Layout, access: str, secret: str) -> "S3Client":
    """Make a client of the store with a key."""
    import boto3  # noqa: PLC0415 - costs a third of a second, which the rest of the start need not wait for
    from botocore.config import Config  # noqa: PLC0415

    return boto3.client(
        "s3",
        endpoint_url=f"http://{layout.addresses.endpoint('s3')}",
        region_name=REGION,
        aws_access_key_id=access,
        aws_secret_access_key=secret,
        config=Config(
            s3={"addressing_style": "path"},
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
            retries={"mode": "standard", "total_max_attempts": 5},
            proxies={},
        ),
    )
