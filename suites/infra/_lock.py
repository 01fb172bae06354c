"""Locked probes in the masters bucket, and every way to undo a lock that S3 knows."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import ceil
from typing import Any

from seatrial import Exercise, Failure, Invalid, eventually
from seatrial.facets.s3 import ServiceKey
from seatrial.probes.s3 import S3Answer

BYPASS = {"x-amz-bypass-governance-retention": "true"}
BUCKET = "masters"
LEAST_S = 8.0
# What an attempt needs of the retention: a shorter one must end before it, and must not have ended when it arrives.
LEFT_S = 4.0
REMOVED_WITHIN_S = 10
REMOVES = "removes its retention"
DENIED = frozenset({"AccessDenied"})
# To take a retention away is no request of every store's; one that knows none says so to whoever may shorten it.
UNKNOWN = frozenset({"InvalidRequest", "MalformedXML"})


@dataclass(frozen=True)
class Refusal:
    """What came of one attempt: denied by the store, and what it said."""

    refused: bool
    said: str


@dataclass(frozen=True)
class Attempt:
    """One way to undo a lock, as somebody."""

    name: str
    make: Callable[[], Refusal]


@dataclass(frozen=True)
class Locked:
    """A version under retention, written by a check."""

    key: str
    version_id: str
    mode: str
    until: datetime
    body: bytes

    @classmethod
    def write(cls, exercise: Exercise, writer: ServiceKey, mode: str, lock_s: float) -> "Locked":
        """Write a probe locked for so long, to be removed once the lock has ended; raises Failure when it is refused."""
        key, body = f"trial/{exercise.marker}-{mode.lower()}", f"{exercise.marker} {mode}".encode()
        until = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=ceil(lock_s))
        exercise.cleanup(remove_all, exercise, writer, key, lock_s)
        answer = _put(writer, key, body, mode, until)
        return cls(key, _version(answer), mode, until, body)

    def require_locked(self, for_s: float = 0.0) -> None:
        """Raise Invalid unless the retention lasts for so long: what is done to the version after it is right."""
        if datetime.now(UTC) + timedelta(seconds=for_s) >= self.until:
            raise Invalid(f"the attempts took longer than the probe's retention, until {self.until:%H:%M:%S}")

    def intact(self, exercise: Exercise) -> bool:
        """Read the version and its lock with the observing key; false if either is not as written."""
        seen = exercise.s3.get(BUCKET, self.key, self.version_id)
        stated = seen.data.get("ObjectLockRetainUntilDate")
        locked = seen.data.get("ObjectLockMode") == self.mode and stated is not None and stated >= self.until
        return seen.ok and seen.body == self.body and locked

    def write_again(self, exercise: Exercise, writer: ServiceKey) -> str:
        """Write other bytes under the same key, locked no longer than the probe; return their version."""
        return _version(_put(writer, self.key, exercise.marker.encode()[::-1], self.mode, self.until))

    def delete_plainly(self, writer: ServiceKey) -> None:
        """Delete the key without naming a version, which leaves a marker; raises Failure when that is refused."""
        answer = writer.call("delete_object", Bucket=BUCKET, Key=self.key)
        if not answer.ok:
            raise Failure("a delete marker on a plain delete", str(answer))


def attempts(exercise: Exercise, services: Iterable[ServiceKey], probe: Locked) -> Iterator[Attempt]:
    """Give every way to undo the probe's lock: with each service's key, and with none."""
    for service in services:
        for name in _calls(probe):
            yield Attempt(f"{service.service} {name}", lambda s=service, n=name: _with(s, n, *_calls(probe)[n]))  # type: ignore[misc]
    yield Attempt("a stranger deletes it with bypass", lambda: _as_stranger(exercise, probe))


def _calls(probe: Locked) -> dict[str, tuple[str, dict[str, Any]]]:
    """Return every way to undo the lock as it is asked for now: a shorter retention has not ended when it arrives."""
    which: dict[str, Any] = {"Bucket": BUCKET, "Key": probe.key, "VersionId": probe.version_id}
    soon = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=LEFT_S - 1)
    weaker = {"Mode": "GOVERNANCE", "RetainUntilDate": soon if probe.mode == "GOVERNANCE" else probe.until}
    return {
        "deletes the version": ("delete_object", which),
        "deletes it with bypass": ("delete_object", which | {"BypassGovernanceRetention": True}),
        "deletes it in a batch": (
            "delete_objects",
            {
                "Bucket": BUCKET,
                "Delete": {"Objects": [{"Key": probe.key, "VersionId": probe.version_id}]},
                "BypassGovernanceRetention": True,
            },
        ),
        "shortens its retention": (
            "put_object_retention",
            which
            | {
                "Retention": {"Mode": probe.mode, "RetainUntilDate": soon},
                "BypassGovernanceRetention": True,
            },
        ),
        "weakens its mode": (
            "put_object_retention",
            which | {"Retention": weaker, "BypassGovernanceRetention": True},
        ),
        REMOVES: (
            "put_object_retention",
            which | {"Retention": {}, "BypassGovernanceRetention": True},
        ),
    }


def _with(service: ServiceKey, name: str, operation: str, arguments: dict[str, Any]) -> Refusal:
    answer = service.call(operation, **arguments)
    if answer.ok and operation == "delete_objects":
        errors = answer.data.get("Errors", [])
        return Refusal({error.get("Code") for error in errors} == DENIED, f"{answer}, errors {errors}")
    return Refusal(answer.code in (DENIED | UNKNOWN if name == REMOVES else DENIED), str(answer))


def _as_stranger(exercise: Exercise, probe: Locked) -> Refusal:
    query = f"versionId={probe.version_id}"
    answer = exercise.s3.anonymous("DELETE", BUCKET, probe.key, query=query, headers=BYPASS)
    return Refusal(answer.status in {401, 403}, str(answer))


def _put(writer: ServiceKey, key: str, body: bytes, mode: str, until: datetime) -> S3Answer:
    return writer.call(
        "put_object", Bucket=BUCKET, Key=key, Body=body, ObjectLockMode=mode, ObjectLockRetainUntilDate=until
    )


def _version(answer: S3Answer) -> str:
    version = answer.data.get("VersionId") if answer.ok else None
    if not version:
        raise Failure("a locked version written with the API's key", str(answer))
    return str(version)


def remove_all(exercise: Exercise, writer: ServiceKey, key: str, lock_s: float = 0.0) -> None:
    """Remove every version of a master, once its lock of so many seconds has ended; Failure where one stays."""
    what = f"every version of {BUCKET}/{key} removed after its retention"
    eventually(
        lambda: _removed(exercise, writer, key), within_s=lock_s + REMOVED_WITHIN_S, every_s=0.25, what=what, where="s3"
    )


def _removed(exercise: Exercise, writer: ServiceKey, key: str) -> bool:
    listed = exercise.s3.call("list_object_versions", Bucket=BUCKET, Prefix=key)
    if not listed.ok:
        raise Failure("a list of versions", str(listed))
    rows = [*listed.data.get("Versions", []), *listed.data.get("DeleteMarkers", [])]
    for row in rows:
        writer.call("delete_object", Bucket=BUCKET, Key=row["Key"], VersionId=row["VersionId"])
    return not rows
