"""Workers that bad files get the better of, and users who are told nothing."""

from typing import ClassVar

from faults._code import PatchedRelease
from seatrial import fault
from seatrial.platform import Patch

CONSUMER, SOURCE, UPLOADS = "system/worker/consumer.py", "system/worker/source.py", "system/api/uploads.py"
STORAGE = "system/worker/storage.py"


@fault("bad-file-kills-worker", kind="code", caught_by={"DEP-FLOW-03": "not restarted"}, takes_s=60.0)
class KillsWorker(PatchedRelease):
    """A bad file ends the worker's process: a poison message, which the next worker then takes.

    Source: https://learn.microsoft.com/en-us/dotnet/framework/wcf/feature-details/poison-message-handling
    """

    services = ("worker",)
    patch: ClassVar = [
        Patch(
            file=CONSUMER,
            find='            log.info("job failed: bad input", extra={**about, "reason": str(error)})\n',
            replace="            __import__('os')._exit(70)\n",
        )
    ]


@fault("bad-file-tried-again", kind="code", caught_by={"DEP-FLOW-03": "failed at the first attempt"}, takes_s=60.0)
class TriedAgain(PatchedRelease):
    """What is wrong with the file is taken for an error of the machine, and tried until the attempts are used up.

    Source: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-dead-letter-queues.html
    """

    services = ("worker",)
    patch: ClassVar = [
        Patch(
            file=CONSUMER,
            find="        except BadInputError as error:\n",
            replace="        except ZeroDivisionError as error:\n",
        )
    ]


@fault("bad-file-without-reason", kind="code", caught_by={"DEP-FLOW-03": "a reason that says"}, takes_s=60.0)
class WithoutReason(PatchedRelease):
    """The user is told that it failed, and the reason stays in the worker's log.

    Source: CWE-392 (Missing Report of Error Condition)
    """

    services = ("worker",)
    patch: ClassVar = [
        Patch(
            file=CONSUMER, find="self._jobs.fail(job, str(error))", replace='self._jobs.fail(job, "processing failed")'
        )
    ]


@fault("reason-not-on-the-page", kind="code", caught_by={"DEP-FLOW-03": "a page that says"}, takes_s=60.0)
class NotOnThePage(PatchedRelease):
    """The API knows why a video failed, and its page says that nobody does.

    Source: WCAG 2.2, success criterion 3.3.1, "Error Identification"
    """

    services = ("frontend",)
    patch: ClassVar = [
        Patch(
            file="system/frontend/html/asset.html",
            find='{{ asset.failure_reason or "the reason is not known" }}',
            replace="the reason is not known",
        )
    ]


@fault("huge-picture-accepted", kind="code", caught_by={"DEP-FLOW-03": "a file that is too wide"}, takes_s=60.0)
class HugeAccepted(PatchedRelease):
    """Nobody looks at the size of the picture before it is decoded.

    Source: CWE-770 (Allocation of Resources Without Limits or Throttling)
    """

    services = ("worker",)
    patch: ClassVar = [Patch(file=SOURCE, find="    max_side: int = 8192\n", replace="    max_side: int = 1 << 20\n")]


@fault("too-much-work-accepted", kind="code", caught_by={"DEP-FLOW-03": "a file that is too much work"}, takes_s=60.0)
class TooMuchAccepted(PatchedRelease):
    """Size and length have their bounds, and nobody multiplies them: one upload holds a worker for a day.

    Source: CWE-400 (Uncontrolled Resource Consumption)
    """

    services = ("worker",)
    patch: ClassVar = [
        Patch(
            file=SOURCE,
            find="    if source.work_pixels > limits.max_work_pixels:\n",
            replace="    if source.work_pixels > 60 * limits.max_work_pixels:\n",
        )
    ]


@fault("upload-not-verified", kind="code", caught_by={"DEP-FLOW-03": "409 for what is not as announced"}, takes_s=60.0)
class NotVerified(PatchedRelease):
    """Completion takes whatever lies in the store for what was announced.

    Source: CWE-354 (Improper Validation of Integrity Check Value)
    """

    services = ("api",)
    patch: ClassVar = [
        Patch(file=UPLOADS, find='    if size_bytes != row["size_bytes"]:\n', replace="    if size_bytes < 0:\n"),
        Patch(file=UPLOADS, find='    if sha256 != row["sha256"]:\n', replace="    if not sha256:\n"),
    ]


@fault("original-not-compared", kind="code", caught_by={"DEP-FLOW-03": "a replaced original that fails"}, takes_s=60.0)
class NotCompared(PatchedRelease):
    """The worker makes a preview of whatever it fetched: what was changed or lost on the way is found out years later.

    Source: CWE-354 (Improper Validation of Integrity Check Value)
    """

    services = ("worker",)
    patch: ClassVar = [Patch(file=STORAGE, find="if digest.hexdigest() != job.sha256:", replace="if not job.sha256:")]
