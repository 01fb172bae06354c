"""Jobs that stay with the dead."""

from typing import ClassVar

from faults._code import PatchedRelease
from faults._instance import started_with
from faults.monitoring._files import EditedFile
from seatrial import Destroy, Observe, fault
from seatrial.platform import Patch


@fault("claim-off", kind="code", caught_by={"DR-WK-01": "job reclaimed"}, takes_s=30.0)
class ClaimOff(PatchedRelease):
    """No worker looks for entries that a dead one has left pending.

    Source: https://redis.io/docs/latest/commands/xautoclaim/ (pending entries of a consumer that never recovers are nobody's
    until somebody claims them)
    """

    services = ("worker",)
    patch: ClassVar = [
        Patch(file="system/worker/consumer.py", find="entry = await self._stream.claim_stale()", replace="entry = None")
    ]


@fault(
    "lease-too-long",
    kind="configuration",
    caught_by={"DR-WK-01": "job reclaimed", "DR-RD-02": "queue rebuilt"},
    takes_s=20.0,
)
class LeaseTooLong:
    """A lease of a minute where five seconds are declared: what a dead worker held, or Redis forgot, waits that long.

    Source: C. Gray and D. Cheriton, "Leases: An Efficient Fault-Tolerant Mechanism for Distributed File Cache Consistency",
    SOSP 1989: the term of a lease is the delay after a failure.
    """

    def strike(self, destroy: Destroy) -> None:
        """Restart the worker with it."""
        destroy.platform.restart("worker-1", {"JOB_LEASE_S": "60"})

    def in_effect(self, observe: Observe) -> bool:
        """Read the variable that the worker was told, and find it in its process' environment."""
        told = observe.platform.config()["worker-1"].get("JOB_LEASE_S") == "60"
        return told and started_with(observe, "worker-1", "JOB_LEASE_S", "60")


@fault("killer-never-given-up", kind="code", caught_by={"DR-WK-01": "status failed within"}, takes_s=45.0)
class KillerNeverGivenUp(PatchedRelease):
    """A job whose attempts ended with their workers is looked at each lease, found to have none left, and left alone for ever.

    Source: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-dead-letter-queues.html (messages that
    are received too often must go somewhere, also where nobody said why)
    """

    services = ("worker",)
    patch: ClassVar = [
        Patch(
            file="system/worker/consumer.py",
            find="                await self._give_up(message, entry, None)\n",
            replace="                pass\n",
        )
    ]


@fault("late-worker-has-the-last-word", kind="code", caught_by={"DR-WK-01": "whose lease was taken"}, takes_s=45.0)
class LateWorkerHasTheLastWord(PatchedRelease):
    """Whoever works on a job extends and ends it, whosever lease it is by now: one that was asleep replaces its successor's result.

    Source: https://martin.kleppmann.com/2016/02/08/how-to-do-distributed-locking.html (a client that is paused for longer than its
    lease goes on, unless the store refuses it)
    """

    services = ("worker",)
    patch: ClassVar = [
        Patch(
            file="system/worker/jobs.py",
            find="id = %(id)s and lease_owner = %(owner)s and state = 'running'\"",
            replace="id = %(id)s and state = 'running'\"",
        )
    ]


@fault("stream-trimmed", kind="code", caught_by={"DR-WK-03": "on neither"}, takes_s=30.0)
class StreamTrimmed(PatchedRelease):
    """The stream is kept short, whatever is on it: while nobody reads, the oldest jobs fall off.

    Source: https://redis.io/docs/latest/commands/xadd/ (MAXLEN evicts the oldest entries, read or not)
    """

    services = ("api",)
    patch: ClassVar = [
        Patch(
            file="system/common/queue.py",
            find="await redis.xadd(stream, fields)",
            replace="await redis.xadd(stream, fields, maxlen=1, approximate=False)",
        )
    ]


@fault("group-begins-with-what-is-new", kind="code", caught_by={"DR-WK-03": "queue drained"}, takes_s=30.0)
class GroupBeginsAtTheEnd(PatchedRelease):
    """The last worker to leave takes the group along, and the first to come makes it anew at the stream's end: what waits is never read.

    Source: https://redis.io/docs/latest/commands/xgroup-create/ ($ as the id: only entries that are added from now on)
    """

    services = ("worker",)
    patch: ClassVar = [
        Patch(
            file="system/worker/stream.py",
            find='xgroup_create(STREAM, GROUP, id="0"',
            replace='xgroup_create(STREAM, GROUP, id="$"',
        ),
        Patch(
            file="system/worker/stream.py",
            find="            await self._redis.xgroup_delconsumer(STREAM, GROUP, self.consumer)\n",
            replace="            await self._redis.xgroup_destroy(STREAM, GROUP)\n",
        ),
    ]


@fault("workers-page-nobody", kind="configuration", caught_by={"DR-WK-03": "InstanceDown to fire within"})
class WorkersPageNobody(EditedFile):
    """Somebody who was woken by each worker that was preempted left workers out of the alert: now all of them may go.

    Source: https://sre.google/sre-book/monitoring-distributed-systems/ (pages that are often of no use lead to their being ignored)
    """

    part, find, replace = "prometheus", "expr: up == 0", 'expr: up{tier!="worker"} == 0'
