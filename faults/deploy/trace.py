"""Places at which the trace id of a request is lost."""

from typing import ClassVar

from faults._code import PatchedRelease
from seatrial import fault
from seatrial.platform import Patch


@fault("trace-lost-at-frontend", kind="code", caught_by={"DEP-COM-01": "completing at the API"}, takes_s=45.0)
class LostAtFrontend(PatchedRelease):
    """The frontend asks the API without the header, and each of its calls begins a trace of its own.

    Source: https://www.w3.org/TR/trace-context/, section 2.2 (a vendor that receives traceparent must send it on)
    """

    services = ("frontend",)
    patch: ClassVar = [
        Patch(
            file="system/frontend/api.py",
            find='    return {"traceparent": traceparent} if traceparent else {}\n',
            replace="    return {}\n",
        )
    ]


@fault("trace-lost-at-stream", kind="code", caught_by={"DEP-COM-01": "in the stream's entry"}, takes_s=45.0)
class LostAtStream(PatchedRelease):
    """The message says which job, and not which request made it.

    Source: https://opentelemetry.io/docs/specs/semconv/messaging/messaging-spans/ (a message carries its creation context)
    """

    services = ("api",)
    patch: ClassVar = [
        Patch(
            file="system/common/queue.py",
            find='"asset_id": str(self.asset_id), "trace": self.trace}',
            replace='"asset_id": str(self.asset_id), "trace": ""}',
        )
    ]


@fault("trace-anew-in-worker", kind="code", caught_by={"DEP-COM-01": "claiming by the worker"}, takes_s=45.0)
class AnewInWorker(PatchedRelease):
    """The worker begins a trace for each job, instead of going on with the one that the message names.

    Source: https://opentelemetry.io/docs/concepts/context-propagation/
    """

    services = ("worker",)
    patch: ClassVar = [
        Patch(
            file="system/worker/consumer.py",
            find="        trace_id.set(message.trace)\n",
            replace='        trace_id.set(__import__("secrets").token_hex(16))\n',
        )
    ]


@fault("trace-not-on-objects", kind="code", caught_by={"DEP-COM-01": "in the metadata of preview.mp4"}, takes_s=45.0)
class NotOnObjects(PatchedRelease):
    """Previews do not say which request they were made for.

    Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingMetadata.html (metadata can only be set with the object)
    """

    services = ("worker",)
    patch: ClassVar = [
        Patch(
            file="system/worker/storage.py",
            find='Metadata={"sha256": digest.hexdigest(), "trace": trace},',
            replace='Metadata={"sha256": digest.hexdigest()},',
        )
    ]


@fault("trace-not-read", kind="code", caught_by={"DEP-COM-01": "playing at the edge"}, takes_s=45.0)
class NotRead(PatchedRelease):
    """The services read another header than callers send, and every request has a trace of its own.

    Source: https://github.com/openzipkin/b3-propagation (b3 headers, which W3C Trace Context replaced)
    """

    patch: ClassVar = [
        Patch(
            file="system/common/middleware.py",
            find='elif name == b"traceparent":',
            replace='elif name == b"x-b3-traceid":',
        )
    ]
