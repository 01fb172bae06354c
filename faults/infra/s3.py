"""What can break the object store's doors, its locks and the road of an upload."""

from typing import Any

from seatrial import Destroy, Observe, fault
from suites.client import every_instance_runs

# The ingress' site block for the store, as it stands in the Caddyfile that the platform's `config` shows.
SITE_HEAD = "https://s3.seatrial.localhost {\n"
STORAGE = "system/api/storage.py"


def _allow(bucket: str, *actions: str) -> dict[str, Any]:
    return _policy("Allow", actions, [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"])


def _policy(effect: str, actions: tuple[str, ...], resources: list[str]) -> dict[str, Any]:
    statement = {"Effect": effect, "Principal": "*", "Action": list(actions), "Resource": resources}
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
        """Read the policy back with a key."""
        return '"Principal": "*"' in str(observe.s3.policy("previews")).replace("'", '"')


@fault("s3-no-identities", kind="configuration", caught_by={"INF-S3-01": "anonymous list of buckets"})
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


@fault("s3-no-default-retention", kind="cloud objects", caught_by={"INF-S3-03": "default retention COMPLIANCE"})
class NoDefaultRetention:
    """The bucket can lock, and locks nothing by itself: what is written without a date has no protection.

    Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-lock.html (retention is per version or default)
    """

    def strike(self, destroy: Destroy) -> None:
        """Take the rule away."""
        destroy.s3.set_default_retention("masters", None)

    def in_effect(self, observe: Observe) -> bool:
        """Read the bucket's lock by the raw request."""
        answer = observe.s3.call("get_object_lock_configuration", Bucket="masters")
        return answer.ok and "Rule" not in answer.data.get("ObjectLockConfiguration", {})


@fault("s3-governance-bypass", kind="cloud objects", caught_by={"INF-S3-03": "deletes it with bypass"})
class GovernanceBypass:
    """A policy lets the services bypass governance retention, so that a thief of their key can remove masters.

    Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-lock-managing.html (s3:BypassGovernanceRetention)
    """

    def strike(self, destroy: Destroy) -> None:
        """Set the policy."""
        masters = destroy.s3.bucket("masters")
        actions = ("s3:BypassGovernanceRetention", "s3:DeleteObject", "s3:DeleteObjectVersion")
        destroy.s3.set_policy("masters", _allow(masters, *actions))

    def in_effect(self, observe: Observe) -> bool:
        """Read the policy back."""
        return "BypassGovernanceRetention" in str(observe.s3.policy("masters"))


@fault("s3-no-multipart", kind="cloud objects", caught_by={"INF-S3-06": "AccessDenied"})
class MultipartDenied:
    """A policy made for single uploads refuses parts.

    Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/mpuoverview.html (permissions of multipart uploads)
    """

    def strike(self, destroy: Destroy) -> None:
        """Set the policy."""
        staging = destroy.s3.bucket("staging")
        destroy.s3.set_policy("staging", _policy("Deny", ("s3:UploadPart",), [f"arn:aws:s3:::{staging}/*"]))

    def in_effect(self, observe: Observe) -> bool:
        """Read the policy back."""
        return "s3:UploadPart" in str(observe.s3.policy("staging"))


@fault("s3-body-limit", kind="configuration", caught_by={"INF-S3-06": "413"})
class BodyLimitAtTheIngress:
    """The proxy in front of the store refuses large bodies, as nginx does from 1 MB on by default.

    Source: https://nginx.org/en/docs/http/ngx_http_core_module.html#client_max_body_size
    """

    def strike(self, destroy: Destroy) -> None:
        """Restart the ingress with a limit."""
        limited = SITE_HEAD + "\trequest_body {\n\t\tmax_size 1MB\n\t}\n"
        destroy.platform.restart("ingress", {"patch": [{"find": SITE_HEAD, "replace": limited}]})

    def in_effect(self, observe: Observe) -> bool:
        """Find the limit in what the ingress runs with."""
        return SITE_HEAD + "\trequest_body" in observe.platform.config()["ingress"]["Caddyfile"]


@fault("s3-unsigned-length", kind="code", takes_s=30.0, caught_by={"INF-S3-06": "wrong length, longer: refused 200"})
class LengthAndChecksumUnsigned:
    """The API signs neither length nor checksum, so that a link for one video takes any bytes of any size.

    Source: https://github.com/aws/aws-sdk-js/issues/1252 (a presigned URL that does not bind the length)
    """

    def __init__(self) -> None:
        self._release = ""

    def strike(self, destroy: Destroy) -> None:
        """Deploy an API that leaves them out."""
        signed = '        "ContentLength": size_bytes,\n        "ContentType": content_type,\n        "ChecksumSHA256": checksum,\n'
        headers = '{"Content-Type": content_type, "x-amz-checksum-sha256": checksum}'
        self._release = destroy.platform.deploy(
            [
                {"file": STORAGE, "find": signed, "replace": '        "ContentType": content_type,\n'},
                {"file": STORAGE, "find": headers, "replace": '{"Content-Type": content_type}'},
            ],
            services=["api"],
        ).release

    def in_effect(self, observe: Observe) -> bool:
        """Ask every instance for its release."""
        return every_instance_runs(observe, self._release)
