"""What can keep an object from coming back."""

from typing import Any, ClassVar

from faults._code import PatchedRelease
from faults._store import NO_VERSION, refused
from seatrial import Destroy, Observe, fault
from seatrial.platform import Patch

ACCOUNT = "arn:aws:iam::000000000000"
KEPT_DAYS = 1
WRITTEN_TWICE = "trial/versions-suspended"


def _policy(effect: str, actions: list[str], bucket: str) -> dict[str, Any]:
    statement = {
        "Effect": effect,
        "Principal": {"AWS": f"{ACCOUNT}:user/restore"},
        "Action": actions,
        "Resource": [f"arn:aws:s3:::{bucket}/*"],
    }
    return {"Version": "2012-10-17", "Statement": [statement]}


@fault(
    "versions-suspended",
    kind="cloud objects",
    caught_by=dict.fromkeys(("DR-S3-01", "INF-S3-07"), "versioning enabled on backups"),
    takes_s=30.0,
)
class Suspended:
    """Somebody stopped the bucket's versioning to save space: from then on an overwritten object is gone.

    Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/AddingObjectstoVersionSuspendedBuckets.html
    """

    def strike(self, destroy: Destroy) -> None:
        """Suspend it, and write an object twice."""
        destroy.s3.set_versioning("backups", enabled=False)
        for body in (b"first", b"second"):
            destroy.s3.put_object("backups", WRITTEN_TWICE, body)

    def in_effect(self, observe: Observe) -> bool:
        """Find one version of what was written twice."""
        listed = observe.s3.call("list_object_versions", Bucket="backups", Prefix=WRITTEN_TWICE)
        return len(listed.data.get("Versions", [])) == 1


@fault(
    "versions-expire-early",
    kind="configuration",
    caught_by=dict.fromkeys(("DR-S3-01", "INF-S3-07"), "versions of backups kept for"),
    takes_s=30.0,
)
class ExpireEarly:
    """A rule drops versions after a day: what was deleted on Friday night cannot be had back on Monday.

    Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/intro-lifecycle-rules.html (NoncurrentVersionExpiration)
    """

    def strike(self, destroy: Destroy) -> None:
        """Replace the bucket's rule."""
        rule = {
            "ID": "cheaper",
            "Status": "Enabled",
            "Filter": {"Prefix": ""},
            "NoncurrentVersionExpiration": {"NoncurrentDays": KEPT_DAYS},
        }
        destroy.s3.set_lifecycle("backups", [rule])

    def in_effect(self, observe: Observe) -> bool:
        """Ask for the rules by the older call: what they do shows after a day."""
        rules = observe.s3.call("get_bucket_lifecycle", Bucket="backups").data.get("Rules", [])
        return [rule.get("ID") for rule in rules] == ["cheaper"]


@fault(
    "restore-key-shut-out",
    kind="cloud objects",
    caught_by={"DR-S3-01": "objects of masters brought back"},
    takes_s=30.0,
)
class ShutOut:
    """The key that restores may not read versions: the command is there, and refuses when it is needed.

    Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/RetrievingObjectVersions.html (s3:GetObjectVersion is a
    permission of its own)
    """

    def strike(self, destroy: Destroy) -> None:
        """Deny it by a policy of the bucket."""
        self._restore, masters = destroy.s3.service("restore"), destroy.s3.bucket("masters")
        destroy.s3.set_policy("masters", _policy("Deny", ["s3:GetObject", "s3:GetObjectVersion"], masters))

    def in_effect(self, _observe: Observe) -> bool:
        """Be refused with the restoring key."""
        return refused(self._restore, "masters") is True


@fault("restore-key-deletes", kind="cloud objects", caught_by={"DR-S3-01": "restore refused to delete"}, takes_s=30.0)
class RestoreKeyDeletes:
    """The key that restores was given the right to delete versions as well: who steals it removes what there is to restore.

    Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/DeletingObjectVersions.html (only s3:DeleteObjectVersion
    removes for good)
    """

    def strike(self, destroy: Destroy) -> None:
        """Allow it by a policy of the bucket."""
        self._restore, backups = destroy.s3.service("restore"), destroy.s3.bucket("backups")
        destroy.s3.set_policy("backups", _policy("Allow", ["s3:DeleteObject", "s3:DeleteObjectVersion"], backups))

    def in_effect(self, _observe: Observe) -> bool:
        """Be let past the rights with the restoring key, for a version that nobody has."""
        return refused(self._restore, "backups", "delete_object", VersionId=NO_VERSION) is False


@fault("recovers-deletions-too", kind="code", caught_by={"DR-S3-01": "to be brought back"}, takes_s=30.0)
class RecoversDeletionsToo(PatchedRelease):
    """The command takes the marker of an object that had been deleted before for its version: it breaks off there, halfway.

    Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/DeleteMarker.html (a marker has no data, and HEAD of it is 405)
    """

    patch: ClassVar = [
        Patch(
            file="system/recovery/objects.py",
            find="if then is None or not then.there:",
            replace="if then is None:",
        )
    ]
