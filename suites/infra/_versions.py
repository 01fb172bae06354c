"""What a bucket says of the versions that it keeps, and of the lock on what is new."""

from math import inf
from typing import Any

from seatrial import Observe, require


def versioning(observe: Observe, bucket: str) -> str:
    """Return "Enabled", "Suspended", or what the store said in the place of it."""
    answer = observe.s3.call("get_bucket_versioning", Bucket=bucket)
    return str(answer.data.get("Status") or answer)


def kept_days(observe: Observe, bucket: str) -> float:
    """Return after how many days the bucket's rules drop a version at the soonest; infinite when none does."""
    answer = observe.s3.call("get_bucket_lifecycle_configuration", Bucket=bucket)
    require(answer.ok or answer.code == "NoSuchLifecycleConfiguration", "the bucket's rules to be read", answer, bucket)
    rules = answer.data.get("Rules", []) if answer.ok else []
    return soonest(rules)


def soonest(rules: list[dict[str, Any]]) -> float:
    """Return the smallest number of days after which a rule in force drops a version that is not the current one."""
    days = [
        rule.get("NoncurrentVersionExpiration", {}).get("NoncurrentDays")
        for rule in rules
        if rule.get("Status") == "Enabled"
    ]
    return min((each for each in days if each), default=inf)


def require_default_lock(observe: Observe) -> None:
    """Demand that masters are locked as the profile says, whoever writes them."""
    mode, days = str(observe.target("masters_lock_mode")), int(observe.target("masters_lock_days"))
    answer = observe.s3.call("get_object_lock_configuration", Bucket="masters")
    default = answer.data.get("ObjectLockConfiguration", {}).get("Rule", {}).get("DefaultRetention", {})
    seen = (default.get("Mode"), default.get("Days"))
    require(
        seen == (mode, days),
        f"default retention {mode} for {days} days on masters",
        f"{seen}" if answer.ok else str(answer),
        "masters",
    )
