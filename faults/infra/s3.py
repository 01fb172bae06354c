"""What can break the object store's doors, its locks and the road of an upload."""

from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

from faults._code import PatchedRelease
from faults._store import NO_VERSION, OTHER_DIGEST, STRANGER, refused, uploads_allowed
from faults.security._ingress import PatchedIngress
from seatrial import Destroy, Observe, fault
from seatrial.platform import Patch

# SeaweedFS' account, under which its identities have their names.
ACCOUNT = "arn:aws:iam::000000000000"
# The ingress' site block for the store, as it stands in the Caddyfile.
SITE_HEAD = "https://s3.seatrial.localhost {\n"
ROOT_RULE = "\theader @root -Access-Control-*\n"
STORAGE = "system/api/storage.py"
PUBLISHED = "press"
OLD_ORIGIN = "https://old.seatrial.example"
UNLOCKED = "trial/no-default-retention"
PROMOTED = "masters/copied-by-hand"


def _allow(bucket: str, *actions: str) -> dict[str, Any]:
    return _policy("Allow", actions, [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"])


def _policy(
    effect: str, actions: tuple[str, ...], resources: list[str], principal: str | dict[str, str] = "*"
) -> dict[str, Any]:
    statement = {"Effect": effect, "Principal": principal, "Action": list(actions), "Resource": resources}
    return {"Version": "2012-10-17", "Statement": [statement]}


@fault("s3-public-read", kind="cloud objects", caught_by={"INF-S3-01": "anonymous list refused"})
class PublicRead:
    """A bucket's policy lets everybody list and read it.

    Source: https://darkreading.com/cloud-security/verizon-suffers-cloud-data-leak-exposing-data-on-millions-of-customers
    """

    def strike(self, destroy: Destroy) -> None:
        """Set the policy."""
        previews = destroy.s3.bucket("previews")
        destroy.s3.set_policy("previews", _allow(previews, "s3:ListBucket", "s3:GetObject"))

    def in_effect(self, observe: Observe) -> bool:
        """List it without a key."""
        return observe.s3.anonymous("GET", "previews", query="list-type=2").status == 200


@fault("s3-public-folder", kind="cloud objects", caught_by={"INF-S3-01": "no policy that lets everybody into"})
class PublicFolder:
    """A policy lets everybody get what lies in one folder of the masters, which is empty as yet, and list nothing.

    Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html (without the right to list, what is not there is
    refused with 403, as if it might not be read)
    """

    def strike(self, destroy: Destroy) -> None:
        """Set the policy."""
        masters = destroy.s3.bucket("masters")
        resource = f"arn:aws:s3:::{masters}/{PUBLISHED}/*"
        destroy.s3.set_policy("masters", _policy("Allow", ("s3:GetObject",), [resource]))

    def in_effect(self, observe: Observe) -> bool:
        """Find that the store looks there for somebody without a key, and refuses elsewhere."""
        there, elsewhere = (
            observe.s3.anonymous("GET", "masters", f"{folder}/no-such-object") for folder in (PUBLISHED, "elsewhere")
        )
        return there.status == 404 and elsewhere.status == 403


@fault(
    "s3-no-identities",
    kind="configuration",
    caught_by={"INF-S3-01": "anonymous list of buckets", "INF-S3-02": "a stranger may not write staging"},
)
class NoIdentities:
    """The store runs without its identities, and takes everybody for the administrator.

    Source: https://github.com/seaweedfs/seaweedfs/issues/10952 (no identity loaded, authentication disabled)
    """

    def strike(self, destroy: Destroy) -> None:
        """Restart it without its configuration file."""
        destroy.platform.restart("s3", {"s3.config": ""})

    def in_effect(self, observe: Observe) -> bool:
        """List buckets with credentials that nobody was given."""
        answer = observe.http.get("s3:/?list-type=2", headers={"Authorization": "Basic bWFkZTp1cA=="})
        return answer.status == 200 and "ListAllMyBucketsResult" in answer.text


@fault("s3-edge-writes", kind="cloud objects", caught_by={"INF-S3-02": "edge may not write previews"})
class EdgeWrites:
    """A policy lets the edge's key write previews, so that whoever breaks into an edge chooses what viewers see.

    Source: https://cyberscoop.com/twilio-hack-breach-s3-buckets-magecart (a script replaced in a writable bucket)
    """

    def strike(self, destroy: Destroy) -> None:
        """Set the policy."""
        self._edge, previews = destroy.s3.service("edge"), destroy.s3.bucket("previews")
        policy = _policy("Allow", ("s3:PutObject",), [f"arn:aws:s3:::{previews}/*"], {"AWS": f"{ACCOUNT}:user/edge"})
        destroy.s3.set_policy("previews", policy)

    def in_effect(self, _observe: Observe) -> bool:
        """Be let past the rights with the edge's key, for bytes under another's digest."""
        return refused(self._edge, "previews", "put_object", Body=b"x", ContentMD5=OTHER_DIGEST) is False


@fault("s3-worker-shut-out", kind="cloud objects", caught_by={"INF-S3-02": "worker may read staging"})
class WorkerShutOut:
    """A policy that was meant for somebody else denies the worker the uploads that it is to work on.

    Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/example-bucket-policies.html (an explicit deny wins)
    """

    def strike(self, destroy: Destroy) -> None:
        """Set the policy."""
        self._worker, staging = destroy.s3.service("worker"), destroy.s3.bucket("staging")
        policy = _policy("Deny", ("s3:GetObject",), [f"arn:aws:s3:::{staging}/*"], {"AWS": f"{ACCOUNT}:user/worker"})
        destroy.s3.set_policy("staging", policy)

    def in_effect(self, _observe: Observe) -> bool:
        """Be refused with the worker's key."""
        return refused(self._worker, "staging") is True


@fault("s3-no-lifecycle", kind="cloud objects", caught_by={"INF-S3-04": "no rule in force among 0"})
class NoLifecycle:
    """The bucket was made anew without its lifecycle rule.

    Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/mpu-abort-incomplete-mpu-lifecycle-config.html
    """

    def strike(self, destroy: Destroy) -> None:
        """Take the rule away."""
        destroy.s3.set_lifecycle("staging", None)

    def in_effect(self, observe: Observe) -> bool:
        """Ask by the older call: what a rule does shows after a day."""
        return observe.s3.call("get_bucket_lifecycle", Bucket="staging").code == "NoSuchLifecycleConfiguration"


@fault("s3-lifecycle-elsewhere", kind="configuration", caught_by={"INF-S3-04": "objects under uploads/ expire"})
class LifecycleElsewhere:
    """The rule is for a prefix that the product no longer uses, and so expires nothing.

    Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/intro-lifecycle-filters.html
    """

    def strike(self, destroy: Destroy) -> None:
        """Replace the rule by one for another prefix."""
        rule = {"ID": "incoming", "Status": "Enabled", "Filter": {"Prefix": "incoming/"}, "Expiration": {"Days": 1}}
        destroy.s3.set_lifecycle("staging", [rule])

    def in_effect(self, observe: Observe) -> bool:
        """Ask by the older call: what a rule does shows after a day."""
        rules = observe.s3.call("get_bucket_lifecycle", Bucket="staging").data.get("Rules", [])
        return [rule.get("ID") for rule in rules] == ["incoming"]


@fault("s3-lifecycle-too-early", kind="configuration", caught_by={"INF-S3-04": "days, not before"})
class LifecycleTooEarly:
    """Uploads expire after a day: the workers are out over a weekend, and on Monday there is nothing left to make previews of.

    Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/intro-lifecycle-rules.html
    """

    def strike(self, destroy: Destroy) -> None:
        """Replace the rule by one for a day."""
        rule = {
            "ID": "too-early",
            "Status": "Enabled",
            "Filter": {"Prefix": "uploads/"},
            "Expiration": {"Days": 1},
            "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1},
        }
        destroy.s3.set_lifecycle("staging", [rule])

    def in_effect(self, observe: Observe) -> bool:
        """Ask by the older call: what a rule does shows after a day."""
        rules = observe.s3.call("get_bucket_lifecycle", Bucket="staging").data.get("Rules", [])
        return [rule.get("ID") for rule in rules] == ["too-early"]


@fault("s3-lifecycle-narrower", kind="cloud objects", caught_by={"INF-S3-04": "large: after 1 days"})
class LifecycleNarrower:
    """Beside the rule for all uploads there is one that takes the large ones, which cost most, after a day.

    Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/intro-lifecycle-filters.html
    """

    def strike(self, destroy: Destroy) -> None:
        """Add the rule to those of now."""
        now = destroy.s3.call("get_bucket_lifecycle_configuration", Bucket="staging").data["Rules"]
        limit = {"And": {"Prefix": "uploads/", "ObjectSizeGreaterThan": 1 << 30}}
        rule = {"ID": "large", "Status": "Enabled", "Filter": limit, "Expiration": {"Days": 1}}
        destroy.s3.set_lifecycle("staging", [*now, rule])

    def in_effect(self, observe: Observe) -> bool:
        """Ask by the older call: what a rule does shows after a day."""
        rules = observe.s3.call("get_bucket_lifecycle", Bucket="staging").data.get("Rules", [])
        return "large" in [rule.get("ID") for rule in rules]


@fault("s3-cors-everybody", kind="cloud objects", caught_by={"INF-S3-05": "allowed to origin"})
class CorsForEverybody:
    """The bucket's CORS rule says `*`, as most answers to the question how to upload from a browser advise.

    Source: https://portswigger.net/web-security/cors
    """

    def strike(self, destroy: Destroy) -> None:
        """Set the rule."""
        rule = {"AllowedOrigins": ["*"], "AllowedMethods": ["PUT"], "AllowedHeaders": ["*"]}
        destroy.s3.set_cors("staging", [rule])

    def in_effect(self, observe: Observe) -> bool:
        """Ask from a stranger's origin."""
        return uploads_allowed(observe, STRANGER)


@fault("s3-cors-old-origin", kind="cloud objects", caught_by={"INF-S3-05": "Access-Control-Allow-Origin https://"})
class CorsForTheOldOrigin:
    """The frontend moved to another host and the rule still names the old one: no browser can upload any more.

    Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/cors-troubleshooting.html
    """

    def strike(self, destroy: Destroy) -> None:
        """Set the rule."""
        rule = {
            "AllowedOrigins": [OLD_ORIGIN],
            "AllowedMethods": ["PUT"],
            "AllowedHeaders": ["content-type", "x-amz-checksum-sha256"],
        }
        destroy.s3.set_cors("staging", [rule])

    def in_effect(self, observe: Observe) -> bool:
        """Ask from the old origin, and from that of now."""
        return uploads_allowed(observe, OLD_ORIGIN) and not uploads_allowed(observe, observe.profile.urls["app"])


@fault("s3-cors-at-the-root", kind="configuration", caught_by={"INF-S3-05": "at the store's root"})
class CorsAtTheRoot(PatchedIngress):
    """The ingress lost the rule that strips the store's own `*`: SeaweedFS allows every origin at its root.

    Source: https://github.com/seaweedfs/seaweedfs/pull/5109 (the gateway's own allowed origins, `*` by default)
    """

    def edits(self, _loaded: str) -> list[tuple[str, str]]:
        """Leave the rule out."""
        return [(ROOT_RULE, "")]

    def shows(self, observe: Observe) -> bool:
        """Ask the root from a stranger's origin."""
        answer = observe.http.get("s3:/", headers={"Origin": STRANGER})
        return "access-control-allow-origin" in answer.headers


@fault(
    "s3-no-default-retention",
    kind="cloud objects",
    caught_by=dict.fromkeys(("INF-S3-03", "INF-S3-07", "DR-S3-01"), "default retention COMPLIANCE"),
)
class NoDefaultRetention:
    """The bucket can lock, and locks nothing by itself: what is written without a date has no protection.

    Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-lock.html (retention is per version or default)
    """

    def strike(self, destroy: Destroy) -> None:
        """Take the rule away, and write an object without a date; no object is written while the rule is there."""
        destroy.s3.set_default_retention("masters", None)
        destroy.s3.put_object("masters", UNLOCKED, b"without a date")

    def in_effect(self, observe: Observe) -> bool:
        """Find the object, and no lock on it."""
        seen = observe.s3.get("masters", UNLOCKED)
        return seen.ok and not seen.data.keys() & {"ObjectLockMode", "ObjectLockRetainUntilDate"}


@fault(
    "master-without-its-lock",
    kind="data",
    caught_by={"INF-S3-07": f"{PROMOTED} locked as COMPLIANCE until"},
)
class MasterWithoutItsLock:
    """An asset's master was copied by hand while the bucket had no rule: the rule is back, and the copy has no retention for ever.

    Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-lock.html (a bucket's default applies to new objects only)
    """

    def strike(self, destroy: Destroy) -> None:
        """Write it without the rule, set the rule again, and add the asset."""
        lock = destroy.s3.call("get_object_lock_configuration", Bucket="masters").data["ObjectLockConfiguration"]
        retention = lock["Rule"]["DefaultRetention"]
        destroy.s3.set_default_retention("masters", None)
        destroy.s3.put_object("masters", PROMOTED, b"a master")
        destroy.s3.set_default_retention("masters", retention["Mode"], retention["Days"])
        version_id = destroy.s3.head("masters", PROMOTED).data["VersionId"]
        nobody = "00000000-0000-0000-0000-000000000000"
        asset = {
            "id": nobody,
            "account_id": nobody,
            "title": "a master",
            "filename": "a.mp4",
            "content_type": "video/mp4",
            "size_bytes": 8,
            "sha256": "0" * 64,
            "status": "ready",
            "master_bucket": destroy.s3.bucket("masters"),
            "master_key": PROMOTED,
            "master_version_id": version_id,
            "master_retained_until": datetime.now(UTC) + timedelta(days=1),
        }
        destroy.pg.insert_row("assets", asset)

    def in_effect(self, observe: Observe) -> bool:
        """Ask for the retention of the version that the row names."""
        rows = observe.pg.rows("select master_version_id from assets where master_key = %s", (PROMOTED,))
        which = [{"Bucket": "masters", "Key": PROMOTED, "VersionId": row["master_version_id"]} for row in rows]
        asked = [observe.s3.call("get_object_retention", **each) for each in which]
        return any(each.answered and not each.ok for each in asked)


@fault("s3-governance-bypass", kind="cloud objects", caught_by={"INF-S3-03": "deletes it with bypass"})
class GovernanceBypass:
    """A policy lets the services bypass governance retention, so that a thief of their key can remove masters.

    Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-lock-managing.html (s3:BypassGovernanceRetention)
    """

    def strike(self, destroy: Destroy) -> None:
        """Set the policy."""
        self._edge, masters = destroy.s3.service("edge"), destroy.s3.bucket("masters")
        actions = ("s3:BypassGovernanceRetention", "s3:DeleteObject", "s3:DeleteObjectVersion")
        destroy.s3.set_policy("masters", _allow(masters, *actions))

    def in_effect(self, _observe: Observe) -> bool:
        """Be let past the rights with the edge's key, for a version that nobody has."""
        which: dict[str, Any] = {"VersionId": NO_VERSION, "BypassGovernanceRetention": True}
        return refused(self._edge, "masters", "delete_object", **which) is False


@fault("s3-retention-shortened", kind="cloud objects", caught_by={"INF-S3-03": "worker shortens its retention"})
class RetentionShortened:
    """A policy lets the worker change retentions past governance: it may delete nothing, and need only wait a moment.

    Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-lock-managing.html (s3:BypassGovernanceRetention)
    """

    def strike(self, destroy: Destroy) -> None:
        """Set the policy."""
        self._worker, masters = destroy.s3.service("worker"), destroy.s3.bucket("masters")
        actions = ("s3:PutObjectRetention", "s3:BypassGovernanceRetention")
        worker = {"AWS": f"{ACCOUNT}:user/worker"}
        destroy.s3.set_policy("masters", _policy("Allow", actions, [f"arn:aws:s3:::{masters}/*"], worker))

    def in_effect(self, _observe: Observe) -> bool:
        """Be let past the rights with the worker's key, for an object that is not there."""
        change: dict[str, Any] = {"Retention": {}, "BypassGovernanceRetention": True}
        return refused(self._worker, "masters", "put_object_retention", **change) is False


@fault("s3-no-multipart", kind="cloud objects", caught_by={"INF-S3-06": "AccessDenied"})
class MultipartDenied:
    """A policy made for single uploads refuses parts.

    Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/mpuoverview.html (permissions of multipart uploads)
    """

    def strike(self, destroy: Destroy) -> None:
        """Set the policy."""
        self._api, staging = destroy.s3.service("api"), destroy.s3.bucket("staging")
        destroy.s3.set_policy("staging", _policy("Deny", ("s3:UploadPart",), [f"arn:aws:s3:::{staging}/*"]))

    def in_effect(self, _observe: Observe) -> bool:
        """Be refused with the api's key, for a part of an upload that nobody began."""
        part: dict[str, Any] = {"Body": b"x", "UploadId": "0" * 32, "PartNumber": 1}
        return refused(self._api, "staging", "upload_part", **part) is True


@fault("s3-body-limit", kind="configuration", caught_by={"INF-S3-06": "413"})
class BodyLimitAtTheIngress(PatchedIngress):
    """The proxy in front of the store refuses large bodies, as nginx does from 1 MB on by default.

    Source: https://nginx.org/en/docs/http/ngx_http_core_module.html#client_max_body_size
    """

    def edits(self, _loaded: str) -> list[tuple[str, str]]:
        """Limit bodies in the store's site."""
        return [(SITE_HEAD, f"{SITE_HEAD}\trequest_body {{\n\t\tmax_size 1MB\n\t}}\n")]


@fault("s3-unsigned-length", kind="code", takes_s=30.0, caught_by={"INF-S3-06": "wrong length, longer: refused 200"})
class LengthAndChecksumUnsigned(PatchedRelease):
    """The API signs neither length nor checksum, so that a link for one video takes any bytes of any size.

    Source: https://github.com/aws/aws-sdk-js/issues/1252 (a presigned URL that does not bind the length)
    """

    services = ("api",)
    patch: ClassVar = [
        Patch(
            file=STORAGE,
            find='        "ContentLength": size_bytes,\n        "ContentType": content_type,\n        "ChecksumSHA256": checksum,\n',
            replace='        "ContentType": content_type,\n',
        ),
        Patch(
            file=STORAGE,
            find='{"Content-Type": content_type, "x-amz-checksum-sha256": checksum}',
            replace='{"Content-Type": content_type}',
        ),
    ]
