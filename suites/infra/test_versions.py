"""Whether objects that are deleted or overwritten could be had back."""

from datetime import timedelta
from typing import Any

from seatrial import BLOCKER, Observe, check, require
from suites.infra._versions import kept_days, require_default_lock, versioning

NEWEST = 20
_PROMOTED = """
select master_bucket, master_key, master_version_id from assets
where master_key is not null order by created_at desc limit %s
"""
# The lock begins by the database's clock, and a version is dated by the store's.
CLOCKS = timedelta(seconds=1)


@check("INF-S3-07", severity=BLOCKER, component="s3")
def test_what_is_deleted_could_be_had_back(observe: Observe) -> None:
    """Buckets that must not forget keep versions, for long enough, and masters are locked by default.

    Why it matters: without versions a stolen key or a wrong clean-up is the end of what it touched, and nobody notices that
    they were switched off until they are needed.

    How it is measured: each bucket of targets.versioned_buckets is asked for its versioning, which must be on, and for its
    lifecycle rules, none of which may drop versions before targets.versions_kept_days. Masters must be locked by default
    as targets.masters_lock_mode and targets.masters_lock_days say. The masters of the newest assets that have one, twenty at
    most, must be locked in that mode until targets.master_retention_s after they were written (a second less, for the clocks
    of database and store); the evidence says how many there were. Nothing is written.

    Not covered: that objects do come back (DR-S3-01), and that a lock holds (INF-S3-03), which cannot be told by reading;
    masters where nothing has been promoted yet (DEP-FLOW-02).
    """
    buckets = [str(each) for each in observe.target("versioned_buckets")]
    least = int(observe.target("versions_kept_days"))
    masters = _promoted(observe)
    observe.evidence("promoted masters", len(masters))
    with observe.cases(at_least=2 * len(buckets) + 1 + len(masters)) as cases:
        for bucket in buckets:
            state, kept = versioning(observe, bucket), kept_days(observe, bucket)
            observe.evidence(bucket, {"versioning": state, "versions dropped after days": str(kept)})
            with cases(f"versions of {bucket}"):
                require(state == "Enabled", f"versioning enabled on {bucket}", state, bucket)
            with cases(f"versions of {bucket} are kept"):
                require(kept >= least, f"versions of {bucket} kept for {least} days", f"{kept} days", bucket)
        with cases("locked by default"):
            require_default_lock(observe)
        for master in masters:
            with cases(f"{master['master_key']} is locked"):
                _require_locked(observe, master)


def _promoted(observe: Observe) -> list[dict[str, Any]]:
    return observe.pg.rows(_PROMOTED, (NEWEST,))


def _require_locked(observe: Observe, master: dict[str, Any]) -> None:
    head = observe.s3.head(master["master_bucket"], master["master_key"], master["master_version_id"])
    if head.status == 404 and master not in _promoted(observe):
        return  # deleted meanwhile, which its lock allows once it has ended
    require(head.ok, f"{master['master_key']}, which was promoted", str(head), "masters")
    mode, kept_s = str(observe.target("masters_lock_mode")), float(observe.target("master_retention_s"))
    locked, until = head.data.get("ObjectLockMode"), head.data.get("ObjectLockRetainUntilDate")
    least = head.data["LastModified"] + timedelta(seconds=kept_s) - CLOCKS
    what = f"{master['master_key']} locked as {mode} until {least} or later"
    require(locked == mode and until is not None and until >= least, what, f"{locked} until {until}", "masters")
