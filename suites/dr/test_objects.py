"""Recovery of objects from the versions that the store has kept."""

import datetime as dt
from email.utils import parsedate_to_datetime

from seatrial import BLOCKER, Exercise, Failure, Invalid, check, eventually, require
from seatrial.errors import EnvironmentFault
from seatrial.facets.s3 import ServiceKey
from seatrial.platform import Recovered
from seatrial.registry import Plan
from suites.dr._versions import Probe
from suites.infra._versions import kept_days, require_default_lock, versioning

# Whose key writes to a bucket, and may remove versions of what a check has written there.
WRITERS = {"masters": "api", "backups": "backup"}
GONE, DELETED, OVERWRITTEN, UNTOUCHED, LATER = "gone before", "deleted", "overwritten", "untouched", "later"
# A healthy run needs four; the check waits for the end of it.
LOCK_S = 12.0
RESTORE_KEY = "restore"


@check(
    "DR-S3-01",
    severity=BLOCKER,
    component="s3",
    plan=Plan(
        strikes="objects of its own: one is deleted, one overwritten",
        noticed="nobody",
        undone="its objects are removed once their lock has ended",
        undo_s=LOCK_S + 15.0,
        answered_by=("INF-S3-07",),
    ),
)
def test_deleted_and_overwritten_objects_come_back_and_locked_masters_cannot_go(exercise: Exercise) -> None:
    """Objects that were deleted or overwritten are brought back from their versions; a locked master cannot be deleted at all.

    Why it matters: a stolen key or a wrong clean-up deletes in minutes what took years to come together. Where the store
    keeps versions, nothing of it is gone, if they are kept long enough and somebody knows the command.

    How it is measured: in each bucket of targets.versioned_buckets versioning must be on, and no lifecycle rule may drop
    versions before targets.versions_kept_days. With the key of the service that writes there an object of the check's own is
    written and deleted, and three more are written, masters with a retention of seconds; from then on, one of the three is
    deleted, one overwritten, and a fifth is made. The documented command (`recover` of the platform's control interface) is
    asked first what it would bring back, and must change nothing; then it must bring back the two, with their bytes, and leave
    the others as they are: one that had been deleted before stays so. Masters must be
    locked by default as targets.masters_lock_mode and targets.masters_lock_days say, and a version under retention, the
    original and the one that was brought back, must be refused to be deleted with the API's key and with the key that
    restores, which may delete nothing in any bucket.

    Not covered: objects of more than 5 GiB; a store that is lost as a whole; that a service finds its object again, which is
    under the key that it had; how long it takes for millions of objects.
    """
    if not exercise.platform.offers("recover"):
        raise Invalid("the platform does not offer recover")
    buckets = [str(each) for each in exercise.target("versioned_buckets")]
    unknown = sorted(set(buckets) - WRITERS.keys())
    if unknown:
        raise Invalid(f"nobody is known to write to {', '.join(unknown)}")
    with exercise.cases(at_least=10 * len(buckets) + 3) as cases:
        with cases("locked by default"):
            require_default_lock(exercise)
        for bucket in buckets:
            state = versioning(exercise, bucket)
            on = state == "Enabled"
            with cases(f"versions of {bucket}"):
                require(on, f"versioning enabled on {bucket}", state, bucket)
            with cases(f"versions of {bucket} are kept"):
                least, kept = int(exercise.target("versions_kept_days")), kept_days(exercise, bucket)
                require(kept >= least, f"versions of {bucket} kept for {least} days", f"{kept} days", bucket)
            if not on:
                continue  # nothing would come back, and a store may keep the marker of a deletion that has no version
            with cases(f"objects of {bucket}"):
                gone = _written(exercise, bucket, GONE)
                _whole_second_after(exercise, gone.modified)  # of one second, the version would count
                gone.delete()
                probes = {name: _written(exercise, bucket, name) for name in (DELETED, OVERWRITTEN, UNTOUCHED)}
                at = _whole_second_after(exercise, max(each.modified for each in probes.values()))
                probes[DELETED].delete()
                probes[OVERWRITTEN].overwrite()
                probes[LATER] = _written(exercise, bucket, LATER)
                with cases(f"{bucket}: asked first"):
                    would = _recovered(exercise, bucket, at, dry_run=True)
                    wanted = {probes[name].key: name for name in (DELETED, OVERWRITTEN)}
                    require(would.taken == wanted, f"{wanted} to be brought back", dict(would.taken), bucket)
                    require(not probes[DELETED].there(), "nothing changed by asking", "the deleted one is back", bucket)
                found = _recovered(exercise, bucket, at)
                exercise.evidence(f"{bucket} since {at}", {"taken": dict(found.taken), "later": found.later})
                for name in (DELETED, OVERWRITTEN):
                    with cases(f"{bucket}: {name}"):
                        probes[name].require_back()
                with cases(f"{bucket}: {GONE}"):
                    require(not gone.there(), f"{bucket}/{gone.key} deleted as before", "it is back", bucket)
                with cases(f"{bucket}: untouched"):
                    probes[UNTOUCHED].require_same_version()
                with cases(f"{bucket}: made later"):
                    probes[LATER].require_same_version()
                    require(found.later == 1, "one object made later and left alone", found.later, bucket)
                with cases(f"{bucket}: the restoring key deletes nothing"):
                    probes[UNTOUCHED].require_undeletable(exercise.s3.service(RESTORE_KEY))
                if bucket == "masters":
                    for name in (DELETED, UNTOUCHED):
                        with cases(f"masters: {name} is locked"):
                            probes[name].require_undeletable(exercise.s3.service("api"))


def _written(exercise: Exercise, bucket: str, name: str) -> Probe:
    key: ServiceKey = exercise.s3.service(WRITERS[bucket])
    return Probe.write(exercise, key, bucket, name, LOCK_S if bucket == "masters" else 0.0)


def _recovered(exercise: Exercise, bucket: str, at: dt.datetime, *, dry_run: bool = False) -> Recovered:
    try:
        return exercise.platform.recover(exercise.s3.bucket(bucket), at, name=exercise.marker, dry_run=dry_run)
    except EnvironmentFault as error:
        exercise.platform.status()  # a platform that does not answer is no finding about versions
        raise Failure(f"objects of {bucket} brought back", str(error), bucket) from None


def _whole_second_after(exercise: Exercise, written: dt.datetime) -> dt.datetime:
    """Wait until the store is in a later second than the one in which something was written, and return that one."""
    second = written.replace(microsecond=0)

    def over() -> bool:
        date = exercise.s3.anonymous("GET").headers.get("date")
        if not date:
            raise Invalid("the store does not say what time it is")
        return parsedate_to_datetime(date) > second

    eventually(over, within_s=5.0, every_s=0.1, what="a later second by the store's clock", where="s3")
    return second
