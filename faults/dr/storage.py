"""What turns the loss of the object store into the loss of everything, or a lost preview into one that is gone."""

import re
from typing import ClassVar

from faults._code import PatchedRelease
from faults._store import refused
from faults.security._ingress import PatchedIngress
from seatrial import Destroy, Observe, fault
from seatrial.platform import Patch

ACCOUNT = "arn:aws:iam::000000000000"
LAST_RESORT = re.compile(
    r"(?:\t\treverse_proxy (?:@thorough )?127\.77\.0\.41[^\n]*\{\n\t\t\timport any_alive [^\n]*\n(?:\t\t\t[^\n]*\n)*\t\t\}\n)+"
)


@fault(
    "storage-calls-without-limit",
    kind="code",
    caught_by={"DR-S3-02": "completions refused clearly"},
    takes_s=30.0,
)
class WithoutLimit(PatchedRelease):
    """The API asks the store with no time limit: what takes the connection and never answers is waited for.

    Source: https://aws.amazon.com/builders-library/timeouts-retries-and-backoff-with-jitter/ (timeouts: a client that waits
    holds its resources, and those of its own callers)
    """

    services = ("api",)
    patch: ClassVar = [
        Patch(
            file="system/api/services.py",
            find="store = ObjectStore(settings.storage)",
            replace="store = ObjectStore(settings.storage, read_timeout_s=3600.0, limit_s=3600.0)",
        )
    ]


@fault("ingress-fails-closed", kind="configuration", caught_by={"DR-S3-02": "calls of others answered"}, takes_s=20.0)
class FailsClosed(PatchedIngress):
    """Where no instance is ready the ingress refuses everybody, also those whose request needs nothing of what is lost.

    Source: https://aws.amazon.com/builders-library/implementing-health-checks/ (fail open when all servers fail at once)
    """

    def edits(self, loaded: str) -> list[tuple[str, str]]:
        """Refuse in the API's site."""
        found = LAST_RESORT.search(loaded)
        assert found is not None
        return [(found[0], "\t\trespond 503 # nobody is ready\n")]


@fault(
    "rebuild-from-staging-alone",
    kind="code",
    caught_by={"DR-S3-02": "the original is no longer in the store"},
    takes_s=30.0,
)
class StagingAlone(PatchedRelease):
    """The worker looks for originals in staging alone, where they live for a day: later no preview can be made again.

    Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-lifecycle-mgmt.html (what a rule expires is removed)
    """

    services = ("worker",)
    patch: ClassVar = [
        Patch(file="system/worker/storage.py", find="if job.master_key is not None:", replace="if job.sha256 is None:")
    ]


@fault(
    "worker-shut-out-of-masters",
    kind="cloud objects",
    caught_by={"DR-S3-02": "status failed or ready", "INF-S3-02": "worker may read masters"},
)
class ShutOutOfMasters:
    """The worker's key may not read masters: nobody notices before the first preview is lost.

    Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/example-bucket-policies.html (an explicit deny wins)
    """

    def strike(self, destroy: Destroy) -> None:
        """Deny it by a policy of the bucket."""
        self._worker = destroy.s3.service("worker")
        statement = {
            "Effect": "Deny",
            "Principal": {"AWS": f"{ACCOUNT}:user/worker"},
            "Action": ["s3:GetObject", "s3:GetObjectVersion"],
            "Resource": [f"arn:aws:s3:::{destroy.s3.bucket('masters')}/*"],
        }
        destroy.s3.set_policy("masters", {"Version": "2012-10-17", "Statement": [statement]})

    def in_effect(self, _observe: Observe) -> bool:
        """Be refused with the worker's key."""
        return refused(self._worker, "masters") is True
