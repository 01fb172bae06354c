"""Answers that the contract does not know."""

from typing import ClassVar

from faults._code import PatchedRelease
from seatrial import fault
from seatrial.platform import Patch

ASSETS, DOCUMENTS = "system/api/assets.py", "system/api/documents.py"
MODELS, TOKENS = "system/api/models.py", "system/api/tokens.py"


@fault(
    "largest-page-fails",
    kind="code",
    caught_by={"SEC-API-01": "GET /v1/assets: Server error"},
    takes_s=30.0,
)
class LargestPageFails(PatchedRelease):
    """A page of the largest size that is allowed divides by zero.

    Source: CWE-369, "Divide By Zero"
    """

    services = ("api",)
    patch: ClassVar = [
        Patch(file=ASSETS, find="page = rows[:limit]", replace="page = rows[: limit // (100 - limit) * 0 + limit]")
    ]


@fault(
    "answer-of-another-type",
    kind="code",
    caught_by={"SEC-API-01": "GET /v1/assets/{asset_id}: Response violates schema"},
    takes_s=30.0,
)
class AnswerOfAnotherType(PatchedRelease):
    """One route writes its answer by hand, with the size as a text.

    Source: OWASP API Security Top 10, 2023, API9, "Improper Inventory Management" (documentation that is not what runs)
    """

    services = ("api",)
    patch: ClassVar = [
        Patch(
            file=ASSETS,
            find="    return asset_of(await find_asset(services, caller.account_id, asset_id))",
            replace=(
                "    row = asset_of(await find_asset(services, caller.account_id, asset_id))\n"
                '    written = row.model_dump_json().replace(f\'"size_bytes":{row.size_bytes}\', \'"size_bytes":"many"\')\n'
                '    return Response(written, media_type="application/json")  # type: ignore[return-value]'
            ),
        )
    ]


@fault(
    "contract-denies-null",
    kind="code",
    caught_by={"SEC-API-01": "Response violates schema"},
    takes_s=30.0,
)
class ContractDeniesNull(PatchedRelease):
    """The contract says that an asset always has a reason for its failure; the answers hold null.

    Source: https://www.openapis.org/blog/2021/02/16/migrating-from-openapi-3-0-to-3-1-0 (nullable became a type)
    """

    services = ("api",)
    patch: ClassVar = [
        Patch(
            file=DOCUMENTS,
            find='    for unused in ("HTTPValidationError", "ValidationError"):\n',
            replace=(
                '    schemas["Asset"]["properties"]["failure_reason"] = {"type": "string"}\n'
                '    for unused in ("HTTPValidationError", "ValidationError"):\n'
            ),
        )
    ]


@fault(
    "status-of-another-kind",
    kind="code",
    caught_by={"SEC-API-01": "PATCH /v1/assets/{asset_id}: Undocumented status code"},
    takes_s=30.0,
)
class StatusOfAnotherKind(PatchedRelease):
    """Renaming what is not there answers 410, which no client was told of.

    Source: RFC 9110, section 15.5.11: 410 says that the condition is likely to be permanent
    """

    services = ("api",)
    patch: ClassVar = [
        Patch(file=ASSETS, find='raise Problem(404, "There is no such asset.")', replace='raise Problem(410, "Gone.")')
    ]


@fault(
    "texts-taken-for-numbers",
    kind="code",
    caught_by={"SEC-API-01": "Schema-violating request accepted"},
    takes_s=30.0,
)
class TextsTakenForNumbers(PatchedRelease):
    """Requests are coerced: "240" and true pass for a size.

    Source: CWE-843, "Access of Resource Using Incompatible Type ('Type Confusion')"
    """

    services = ("api",)
    patch: ClassVar = [
        Patch(
            file=MODELS,
            find='ConfigDict(strict=True, extra="forbid"',
            replace='ConfigDict(strict=False, extra="forbid"',
        )
    ]


@fault(
    "every-token-refused",
    kind="code",
    caught_by={"SEC-API-01": "not tested"},
    takes_s=30.0,
)
class EveryTokenRefused(PatchedRelease):
    """Tokens are checked for an audience that nobody signs: all answers are 401, which every schema allows.

    Source: RFC 7519, section 4.1.3 (the audience that a recipient does not know must be rejected)
    """

    services = ("api",)
    patch: ClassVar = [
        Patch(file=TOKENS, find="            audience=AUDIENCE,", replace='            audience="other",')
    ]
