"""Objects of a check's own in a bucket with versions."""

import datetime as dt
from dataclasses import dataclass, field
from math import ceil
from typing import Any

from seatrial import Exercise, Failure, Invalid, eventually, require
from seatrial.facets.s3 import ServiceKey
from seatrial.probes.s3 import S3Answer

REMOVED_WITHIN_S = 15.0


@dataclass
class Probe:
    """One object, as it was written at first.

    Attributes:
        key: below trial/MARKER, by which the restoring command finds it.
        version_id: its first version.
        modified: when that was written, by the store.
        until: to when it is locked, None for not at all.
    """

    exercise: Exercise
    writer: ServiceKey
    bucket: str
    key: str
    body: bytes
    until: dt.datetime | None
    version_id: str = ""
    modified: dt.datetime = field(default=dt.datetime.fromtimestamp(0, dt.UTC))

    @classmethod
    def write(cls, exercise: Exercise, writer: ServiceKey, bucket: str, name: str, lock_s: float) -> "Probe":
        """Write it, to be removed with all its versions once its lock has ended; raises Failure when it is refused."""
        now = dt.datetime.now(dt.UTC).replace(microsecond=0)
        until = now + dt.timedelta(seconds=ceil(lock_s)) if lock_s else None
        body = f"{exercise.marker} {name}".encode()
        probe = cls(exercise, writer, bucket, f"trial/{exercise.marker}-{name}", body, until)
        exercise.cleanup(probe.remove, lock_s)
        probe.version_id = str(probe._put(body).data.get("VersionId") or "")
        head = exercise.s3.head(bucket, probe.key)
        require(head.ok, f"{bucket}/{probe.key}, which was written", head.error, bucket)
        probe.modified = head.data["LastModified"]
        return probe

    def delete(self) -> None:
        """Delete it as anybody does, without naming a version."""
        _done(self.writer.call("delete_object", Bucket=self.bucket, Key=self.key), "a plain delete")
        require(not self.there(), f"{self.bucket}/{self.key} deleted", "it is still there", self.bucket)

    def overwrite(self) -> None:
        """Write other bytes under the same key, locked no longer."""
        self._put(self.body[::-1])

    def there(self) -> bool:
        """Say whether the key has an object now."""
        return self.exercise.s3.head(self.bucket, self.key).ok

    def require_back(self) -> None:
        """Demand the bytes of before under the key, locked as before."""
        seen = self.exercise.s3.get(self.bucket, self.key)
        require(seen.ok, f"{self.bucket}/{self.key} back", seen.error, self.bucket)
        require(seen.body == self.body, f"the bytes that {self.bucket}/{self.key} had", "others", self.bucket)
        stated = seen.data.get("ObjectLockRetainUntilDate")
        self._require_lock_in_force()
        locked = self.until is None or (stated is not None and stated >= self.until)
        require(
            locked, f"{self.bucket}/{self.key} locked until {self.until} again", stated or "not locked", self.bucket
        )

    def require_same_version(self) -> None:
        """Demand that nobody wrote it again."""
        seen = self.exercise.s3.head(self.bucket, self.key).data.get("VersionId")
        require(seen == self.version_id, f"version {self.version_id} of {self.bucket}/{self.key}", seen, self.bucket)

    def require_undeletable(self, key: ServiceKey) -> None:
        """Demand that the version of now is refused to be deleted with a key, and stays."""
        now = self.exercise.s3.head(self.bucket, self.key).data.get("VersionId")
        answer = key.call("delete_object", Bucket=self.bucket, Key=self.key, VersionId=now)
        refused = answer.answered and not answer.ok
        if not refused:
            self._require_lock_in_force()
        require(refused, f"{key.service} refused to delete a version of {self.bucket}/{self.key}", answer, self.bucket)
        require(self.there(), f"{self.bucket}/{self.key} still there", "it is gone", self.bucket)

    def _require_lock_in_force(self) -> None:
        if self.until is not None and dt.datetime.now(dt.UTC) >= self.until:
            raise Invalid(f"the lock of {self.bucket}/{self.key} was over before anything was tried: a busy machine")

    def remove(self, lock_s: float) -> None:
        """Remove every version and marker, waiting for locks to end."""
        what = f"every version of {self.bucket}/{self.key} removed"
        eventually(self._removed, within_s=lock_s + REMOVED_WITHIN_S, every_s=0.25, what=what, where="s3")

    def _removed(self) -> bool:
        listed = _done(
            self.exercise.s3.call("list_object_versions", Bucket=self.bucket, Prefix=self.key), "a list of versions"
        )
        rows = [*listed.data.get("Versions", []), *listed.data.get("DeleteMarkers", [])]
        for row in rows:
            self.writer.call("delete_object", Bucket=self.bucket, Key=row["Key"], VersionId=row["VersionId"])
        return not rows

    def _put(self, body: bytes) -> S3Answer:
        lock: dict[str, Any] = {}
        if self.until is not None:
            lock = {"ObjectLockMode": "COMPLIANCE", "ObjectLockRetainUntilDate": self.until}
        answer = self.writer.call("put_object", Bucket=self.bucket, Key=self.key, Body=body, **lock)
        return _done(answer, f"{self.writer.service} to write {self.bucket}/{self.key}")


def _done(answer: S3Answer, what: str) -> S3Answer:
    if not answer.ok:
        raise Failure(what, str(answer), "s3")
    return answer
