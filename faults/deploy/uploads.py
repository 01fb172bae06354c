"""Uploads that cannot go on or are left lying about, and calls that act again when they are repeated."""

from typing import ClassVar

from faults._code import PatchedRelease
from seatrial import Destroy, Observe, fault
from seatrial.platform import Patch

ASSETS, UPLOADS, ONCE = "system/api/assets.py", "system/api/uploads.py", "system/api/idempotency.py"


@fault("double-submit-makes-two", kind="code", caught_by={"DEP-FLOW-04": "one asset, however often"}, takes_s=45.0)
class DoubleSubmit(PatchedRelease):
    """Two requests under one key look for the first one, find none, and both act.

    Source: https://docs.stripe.com/api/idempotent_requests; CWE-367 (Time-of-check Time-of-use Race Condition)
    """

    services = ("api",)
    patch: ClassVar = [
        Patch(
            file=UPLOADS,
            find="        first = await _by_key(connection, account_id, key)\n        if first is None:",
            replace="        first = None\n        if first is None:",
        ),
        Patch(file=UPLOADS, find="    return taken.rowcount == 1\n", replace="    return taken.rowcount >= 0\n"),
    ]


@fault(
    "keys-cannot-be-kept",
    kind="configuration",
    caught_by={"DEP-FLOW-04": "202 from POST under one key", "SEC-API-01": "Server error"},
)
class CannotBeKept:
    """The api's role lost its right to write keys: whoever sends none is served, and whoever is careful is not.

    Source: https://www.postgresql.org/docs/16/sql-revoke.html
    """

    def strike(self, destroy: Destroy) -> None:
        """Take the privilege away."""
        destroy.pg.revoke("INSERT", "idempotent_answers", "api")

    def in_effect(self, observe: Observe) -> bool:
        """Ask the server whether the role has it."""
        row = observe.pg.rows("select has_table_privilege('api', 'idempotent_answers', 'INSERT') as may")[0]
        return row["may"] is False


@fault("repetition-acts-again", kind="code", caught_by={"DEP-FLOW-04": "an earlier rename was repeated"}, takes_s=45.0)
class ActsAgain(PatchedRelease):
    """The key is kept and never looked at: what is repeated is done again, over what came since.

    Source: https://aws.amazon.com/builders-library/making-retries-safe-with-idempotent-APIs/
    """

    services = ("api",)
    patch: ClassVar = [Patch(file=ONCE, find="    where kept.expires_at < now()\n", replace="")]


@fault("refused-call-keeps-its-key", kind="code", caught_by={"DEP-FLOW-04": "an answer for good to POST"}, takes_s=60.0)
class KeepsItsKey(PatchedRelease):
    """A call that was refused does not give its key back: whoever was too early and comes again is told to wait, for two minutes.

    Source: https://docs.stripe.com/api/idempotent_requests (a request that fails validation keeps no result: it can be retried)
    """

    services = ("api",)
    patch: ClassVar = [Patch(file=ONCE, find="        await services.row(_GIVE_BACK, values)\n", replace="")]


@fault("key-for-any-request", kind="code", caught_by={"DEP-FLOW-04": "422 for the key with another"}, takes_s=45.0)
class AnyRequest(PatchedRelease):
    """The first answer is given for the key, whatever is asked for under it.

    Source: IETF draft-ietf-httpapi-idempotency-key-header, section "Idempotency Fingerprint"
    """

    services = ("api",)
    patch: ClassVar = [
        Patch(file=ONCE, find='hashlib.sha256("\\0".join(request).encode())', replace='hashlib.sha256(b"any")')
    ]


@fault("keys-for-ever", kind="code", caught_by={"DEP-FLOW-04": "expire within two days"}, takes_s=45.0)
class ForEver(PatchedRelease):
    """Keys are kept too long: the table grows with each call, and nobody notices before the disk does.

    Three days, and not for ever, since what was written meanwhile stays when the release is taken back.
    Source: https://docs.stripe.com/api/idempotent_requests (keys can be removed after 24 hours)
    """

    services = ("api",)
    patch: ClassVar = [Patch(file=ONCE, find="KEPT = timedelta(days=1)", replace="KEPT = timedelta(days=3)")]


@fault("page-skips-a-row", kind="code", caught_by={"DEP-FLOW-04": "once in pages of 2"}, takes_s=45.0)
class SkipsARow(PatchedRelease):
    """The cursor is the row that was read to know whether there is a next page, and so is on none.

    Source: https://use-the-index-luke.com/no-offset
    """

    services = ("api",)
    patch: ClassVar = [
        Patch(
            file=ASSETS,
            find="f\"{page[-1]['microseconds']}-{page[-1]['id'].hex}\"",
            replace="f\"{rows[-1]['microseconds']}-{rows[-1]['id'].hex}\"",
        )
    ]


@fault("delete-leaves-objects", kind="code", caught_by={"DEP-FLOW-04": "no object of a deleted asset"}, takes_s=45.0)
class LeavesObjects(PatchedRelease):
    """Deleting removes the row alone, and the files stay for whoever has a link, and on the bill.

    Source: CWE-459 (Incomplete Cleanup)
    """

    services = ("api",)
    patch: ClassVar = [
        Patch(file=ASSETS, find="remove_objects(s3, [staged, *made], upload", replace="remove_objects(s3, (), upload"),
        Patch(file=ASSETS, find="remove_objects(s3, made, upload", replace="remove_objects(s3, (), upload"),
    ]


@fault("abort-leaves-parts", kind="code", caught_by={"DEP-FLOW-04": "no part of a deleted upload"}, takes_s=45.0)
class LeavesParts(PatchedRelease):
    """An upload that is given up is not aborted in the store: its parts are in no list, and are paid for.

    Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/abort-mpu.html
    """

    services = ("api",)
    patch: ClassVar = [
        Patch(
            file=ASSETS,
            find='if row["status"] == "awaiting_upload" and row["upload_id"] else None',
            replace='if row["status"] == "aborted" else None',
        )
    ]


@fault(
    "early-completion-ends-upload",
    kind="code",
    caught_by={"DEP-FLOW-04": "can still be sent after what was refused"},
    takes_s=45.0,
)
class EarlyCompletion(PatchedRelease):
    """Parts are assembled before anybody asks whether they are all: completing too early ends the upload.

    Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_CompleteMultipartUpload.html (it succeeds with any parts named)
    """

    services = ("api",)
    patch: ClassVar = [Patch(file=UPLOADS, find="        await _require_whole(services, row, parts)\n", replace="")]
