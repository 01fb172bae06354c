"""Whether objects that are deleted or overwritten could be had back."""

from seatrial import BLOCKER, Observe, check, require
from suites.infra._versions import kept_days, require_default_lock, versioning


@check("INF-S3-07", severity=BLOCKER, component="s3")
def test_what_is_deleted_could_be_had_back(observe: Observe) -> None:
    """Buckets that must not forget keep versions, for long enough, and masters are locked by default.

    Why it matters: without versions a stolen key or a wrong clean-up is the end of what it touched, and nobody notices that
    they were switched off until they are needed.

    How it is measured: each bucket of targets.versioned_buckets is asked for its versioning, which must be on, and for its
    lifecycle rules, none of which may drop versions before targets.versions_kept_days. Masters must be locked by default
    as targets.masters_lock_mode and targets.masters_lock_days say. Nothing is written.

    Not covered: that objects do come back (DR-S3-01), and that a lock holds (INF-S3-03), which cannot be told by reading.
    """
    buckets = [str(each) for each in observe.target("versioned_buckets")]
    least = int(observe.target("versions_kept_days"))
    with observe.cases(at_least=2 * len(buckets) + 1) as cases:
        for bucket in buckets:
            state, kept = versioning(observe, bucket), kept_days(observe, bucket)
            observe.evidence(bucket, {"versioning": state, "versions dropped after days": str(kept)})
            with cases(f"versions of {bucket}"):
                require(state == "Enabled", f"versioning enabled on {bucket}", state, bucket)
            with cases(f"versions of {bucket} are kept"):
                require(kept >= least, f"versions of {bucket} kept for {least} days", f"{kept} days", bucket)
        with cases("locked by default"):
            require_default_lock(observe)
