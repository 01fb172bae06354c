"""A queue that does not come back, and jobs that nobody puts aside."""

from typing import ClassVar

from faults._code import PatchedRelease
from faults._instance import started_with
from seatrial import Destroy, Observe, fault
from seatrial.platform import Patch


@fault("reconciler-off", kind="code", caught_by={"DR-RD-02": "queue rebuilt"}, takes_s=30.0)
class ReconcilerOff(PatchedRelease):
    """Nobody compares the stream with the jobs in Postgres: what Redis has forgotten is never sent again.

    Source: https://microservices.io/patterns/data/transactional-outbox.html (the relay is what makes a message of a row)
    """

    services = ("worker",)
    patch: ClassVar = [
        Patch(file="system/worker/service.py", find="        await self._relay.requeue_lost()\n", replace="")
    ]


@fault("attempts-without-limit", kind="configuration", caught_by={"DR-WK-02": "status failed within"}, takes_s=20.0)
class AttemptsWithoutLimit:
    """A hundred attempts where three are declared: a poison job is tried for ten minutes.

    Source: https://learn.microsoft.com/en-us/dotnet/framework/wcf/feature-details/poison-message-handling
    """

    def strike(self, destroy: Destroy) -> None:
        """Restart the worker with it."""
        destroy.platform.restart("worker-1", {"JOB_ATTEMPTS": "100"})

    def in_effect(self, observe: Observe) -> bool:
        """Read the variable that the worker was told, and find it in its process' environment."""
        told = observe.platform.config()["worker-1"].get("JOB_ATTEMPTS") == "100"
        return told and started_with(observe, "worker-1", "JOB_ATTEMPTS", "100")


@fault("dead-letters-dropped", kind="code", caught_by={"DR-WK-02": "one dead letter"}, takes_s=30.0)
class DeadLettersDropped(PatchedRelease):
    """A job that was given up leaves no letter: nobody on call can see that there was one.

    Source: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-dead-letter-queues.html
    """

    services = ("worker",)
    patch: ClassVar = [
        Patch(
            file="system/worker/consumer.py",
            find="lambda: self._stream.bury(entry, buried)",
            replace="lambda: self._stream.end(entry)",
        )
    ]


@fault(
    "dead-letters-for-ever",
    kind="code",
    caught_by={"DR-WK-02": "no dead letter of an asset that is gone"},
    takes_s=60.0,
)
class DeadLettersForEver(PatchedRelease):
    """Letters outlive the assets that they are about: the stream only grows, and nobody reads it any more.

    Source: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-dead-letter-queues.html
    """

    services = ("worker",)
    patch: ClassVar = [
        Patch(file="system/worker/service.py", find="        await self._relay.drop_letters()\n", replace="")
    ]
