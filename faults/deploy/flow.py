"""Previews that are wrong and masters that are no masters."""

from typing import ClassVar

from faults._code import PatchedRelease
from faults._instance import door
from faults._store import OTHER_DIGEST, refused
from seatrial import Destroy, Observe, fault
from seatrial.platform import Patch

API_KEY = "arn:aws:iam::000000000000:user/api"  # as SeaweedFS names its identities
PREVIEW, PROMOTION, STORAGE = "system/worker/preview.py", "system/api/promotion.py", "system/api/storage.py"


@fault("preview-too-high", kind="code", caught_by={"DEP-FLOW-01": "height 1080"}, takes_s=30.0)
class TooHigh(PatchedRelease):
    """The worker does not scale down: previews are as high as their sources.

    Source: https://trac.ffmpeg.org/wiki/Scaling (a limit is written min(...), and easily lost)
    """

    services = ("worker",)
    patch: ClassVar = [Patch(file=PREVIEW, find="HEIGHT = 720\n", replace="HEIGHT = 2160\n")]


@fault("preview-index-at-end", kind="code", caught_by={"DEP-FLOW-01": "moov before mdat"}, takes_s=30.0)
class IndexAtEnd(PatchedRelease):
    """The preview's index stands behind its data: players must fetch the whole file before the first picture.

    Source: https://ffmpeg.org/ffmpeg-formats.html, option movflags faststart
    """

    services = ("worker",)
    patch: ClassVar = [Patch(file=PREVIEW, find='"-movflags", "+faststart", ', replace="")]


@fault("preview-upside-down", kind="code", caught_by={"DEP-FLOW-01": "resembles the source"}, takes_s=30.0)
class UpsideDown(PatchedRelease):
    """The picture is turned twice: every figure of the preview is right and it cannot be watched.

    Source: ffmpeg manual, option -autorotate: FFmpeg turns the picture by its metadata on its own, and a filter that does so
    again turns it over.
    """

    services = ("worker",)
    patch: ClassVar = [
        Patch(file=PREVIEW, find="out_range=tv,format=yuv420p", replace="out_range=tv,format=yuv420p,hflip,vflip")
    ]


@fault("preview-cut-short", kind="code", caught_by={"DEP-FLOW-01": "duration 3 s within"}, takes_s=30.0)
class CutShort(PatchedRelease):
    """The preview ends half a second early.

    Source: ffmpeg manual, option -shortest: the output ends with the shortest stream, whatever the picture does.
    """

    services = ("worker",)
    patch: ClassVar = [
        Patch(
            file=PREVIEW, find='"-sn", "-dn"),', replace='"-sn", "-dn", "-t", str(max(0.5, source.duration_s - 0.5))),'
        )
    ]


@fault("preview-tells-of-its-source", kind="code", caught_by={"DEP-FLOW-01": "the source says of itself"}, takes_s=30.0)
class TellsOfItsSource(PatchedRelease):
    """What a file says of itself goes on to its preview: everybody with a link learns where and with what it was filmed.

    Source: CWE-1230 (Exposure of Sensitive Information Through Metadata); ffmpeg manual, option -map_metadata
    """

    services = ("worker",)
    patch: ClassVar = [Patch(file=PREVIEW, find='"-map_metadata", "-1", "-map_chapters", "-1", ', replace="")]


@fault("mp4-alone-is-a-video", kind="code", caught_by={"DEP-FLOW-01": "a ready preview"}, takes_s=30.0)
class Mp4Alone(PatchedRelease):
    """The list of containers lost those of browsers and of older cameras: their files are "not a video", for good.

    Source: https://www.w3.org/TR/mediastream-recording/ (a browser chooses the container that it records in)
    """

    services = ("worker",)
    patch: ClassVar = [Patch(file="system/worker/describe.py", find=",matroska,webm,avi,mpegts", replace="")]


@fault("preview-always-made-again", kind="code", caught_by={"DEP-FLOW-01": "a whole preview left alone"}, takes_s=30.0)
class AlwaysMadeAgain(PatchedRelease):
    """A preview that is whole is made again by whoever asks: a button that is pressed twice is an encoder's work for nothing.

    Source: https://docs.aws.amazon.com/wellarchitected/latest/framework/rel_prevent_interaction_failure_idempotent.html
    """

    services = ("api",)
    patch: ClassVar = [
        Patch(
            file="system/api/previews.py",
            find='if row["status"] in UNDER_WAY or (row["status"] == "ready" and await _is_whole(services, row)):',
            replace='if row["status"] in UNDER_WAY:',
        )
    ]


@fault("no-worker", kind="process", caught_by={"DEP-FLOW-01": "status failed or ready"})
class NoWorker:
    """Nobody takes jobs; uploads are acknowledged and stay queued.

    Source: the deployment specification of September 2025, task 1.4: "Redis and queue processing failures".
    """

    def strike(self, destroy: Destroy) -> None:
        """Stop the worker."""
        destroy.platform.stop("worker-1")

    def in_effect(self, observe: Observe) -> bool:
        """Find nobody listening at its address."""
        return door(observe, "worker", "worker-1") == "refused"


@fault("master-without-lock", kind="code", caught_by={"DEP-FLOW-02": "locks the master"}, takes_s=30.0)
class WithoutLock(PatchedRelease):
    """Promotion copies the file and does not lock it.

    Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-lock.html (retention is a property of each version)
    """

    services = ("api",)
    patch: ClassVar = [
        Patch(
            file=PROMOTION,
            find="lambda s3: lock_version(s3, bucket, key, version_id, retain_until=retain_until)",
            replace="lambda _: retain_until",
        )
    ]


@fault("masters-shut-to-the-api", kind="cloud objects", caught_by={"DEP-FLOW-02": "/promote"})
class MastersShut:
    """A policy that was to protect the masters denies the one service that writes them: nothing can be promoted.

    Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/troubleshoot-403-errors.html (an explicit deny in the bucket's
    policy wins over every permission)
    """

    def strike(self, destroy: Destroy) -> None:
        """Set the policy."""
        self._api = destroy.s3.service("api")
        statement = {
            "Effect": "Deny",
            "Principal": {"AWS": API_KEY},
            "Action": ["s3:PutObject"],
            "Resource": [f"arn:aws:s3:::{destroy.s3.bucket('masters')}/*"],
        }
        destroy.s3.set_policy("masters", {"Version": "2012-10-17", "Statement": [statement]})

    def in_effect(self, _observe: Observe) -> bool:
        """Be refused with the api's key, for bytes under another's digest."""
        return refused(self._api, "masters", "put_object", Body=b"x", ContentMD5=OTHER_DIGEST) is True


@fault("master-outlives-its-asset", kind="code", caught_by={"DEP-FLOW-02": "no version of a deleted"}, takes_s=30.0)
class OutlivesItsAsset(PatchedRelease):
    """Deleting names no version of the master: the store lays a marker over it, and keeps and bills what is below.

    Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/DeleteMarker.html
    """

    services = ("api",)
    patch: ClassVar = [
        Patch(
            file=STORAGE,
            find="s3.delete_object(Bucket=master[0], Key=master[1], VersionId=master[2])",
            replace="s3.delete_object(Bucket=master[0], Key=master[1])",
        )
    ]


@fault("retained-master-said-to-be-deleted", kind="code", caught_by={"DEP-FLOW-02": "by the site's form"}, takes_s=30.0)
class SaidToBeDeleted(PatchedRelease):
    """The page takes the refusal for an end: its reader believes that the master is gone, and it is kept.

    Source: CWE-393 (Return of Wrong Status Code)
    """

    services = ("frontend",)
    patch: ClassVar = [
        Patch(
            file="system/frontend/pages.py",
            find="        if answer.status_code == 204:\n",
            replace="        if answer.status_code in {204, 409}:\n",
        )
    ]


@fault(
    "deleted-preview-stays-cached",
    kind="code",
    caught_by={"DEP-FLOW-02": "404 for a deleted asset's link"},
    takes_s=30.0,
)
class StaysCached(PatchedRelease):
    """An edge asks the store again after three hours: until then it plays what was deleted to whoever has a link.

    Source: RFC 9111, section 4.2.4 (what is stale is not to be served unless the origin cannot be asked)
    """

    services = ("edge",)
    patch: ClassVar = [Patch(file="system/edge/cache.py", find="RECHECK_S = 10.0\n", replace="RECHECK_S = 10_000.0\n")]


@fault(
    "changed-original-promoted", kind="code", caught_by={"DEP-FLOW-02": "an original that has changed"}, takes_s=30.0
)
class ChangedPromoted(PatchedRelease):
    """What was copied is read and not compared: other bytes than were uploaded become the only original, and are locked.

    Source: CWE-354 (Improper Validation of Integrity Check Value)
    """

    services = ("api",)
    patch: ClassVar = [
        Patch(
            file=PROMOTION,
            find="if await services.object_sha256(bucket, key, version_id, between=still_claimed) != announced:",
            replace="if not await services.object_sha256(bucket, key, version_id, between=still_claimed):",
        )
    ]


@fault("promoted-every-time", kind="code", caught_by={"DEP-FLOW-02": "promoted once"}, takes_s=30.0)
class EveryTime(PatchedRelease):
    """Each request to promote writes a master of its own.

    Source: https://aws.amazon.com/builders-library/making-retries-safe-with-idempotent-APIs/
    """

    services = ("api",)
    patch: ClassVar = [
        Patch(file=STORAGE, find='            IfNoneMatch="*",\n', replace=""),
        Patch(
            file=STORAGE,  # so that the check can remove what this fault makes too many of
            find="        s3.delete_object(Bucket=master[0], Key=master[1], VersionId=master[2])\n",
            replace=(
                '        for found in s3.list_object_versions(Bucket=master[0], Prefix=master[1]).get("Versions", ()):\n'
                '            s3.delete_object(Bucket=master[0], Key=master[1], VersionId=found["VersionId"])\n'
            ),
        ),
        Patch(
            file=PROMOTION,
            find='    if row["master_key"] is not None:\n        return asset_of(row)\n',
            replace="",
        ),
        Patch(
            file=PROMOTION,
            find='held.row["master_key"] is not None',
            replace="False",
        ),
        Patch(file=PROMOTION, find=" and master_key is null returning", replace=" returning"),
    ]


@fault(
    "locked-for-the-copying-only",
    kind="code",
    caught_by={"DEP-FLOW-02": "when the promotion was asked for"},
    takes_s=30.0,
)
class LockedForTheCopyingOnly(PatchedRelease):
    """A master keeps the short lock under which it was copied: whoever has the API's key deletes the original soon after.

    Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-lock.html (a retain-until date protects until then)
    """

    services = ("api",)
    patch: ClassVar = [
        Patch(
            file=PROMOTION,
            find="key, version_id, retain_until=retain_until)",
            replace="key, version_id, retain_until=soon)",
        )
    ]
