"""Places at which the trace id of a request is lost."""

from typing import ClassVar

from faults._code import PatchedRelease
from seatrial import fault
from seatrial.platform import Patch


@fault("trace-lost-at-stream", kind="code", caught_by={"DEP-COM-01": "in the stream's entry"}, takes_s=45.0)
class LostAtStream(PatchedRelease):
    """The message says which job, and not which request made it.

    Source: https://opentelemetry.io/docs/specs/semconv/messaging/messaging-spans/ (a message carries its creation context)
    """

    services = ("api",)
    patch: ClassVar = [
        Patch(
            file="system/api/outbox.py",
            find='"asset_id": message.asset_id, "trace": message.trace}',
            replace='"asset_id": message.asset_id, "trace": ""}',
        )
    ]
