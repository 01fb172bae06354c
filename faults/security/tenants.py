"""Queries that forgot whose asset it is, one by one."""

from typing import ClassVar

from faults._code import PatchedRelease
from seatrial import fault
from seatrial.platform import Patch

ASSETS, EVENTS, PLAYBACK = "system/api/assets.py", "system/api/events.py", "system/api/playback.py"
PROMOTION, ROWS, UPLOADS = "system/api/promotion.py", "system/api/rows.py", "system/api/uploads.py"
# Who owns the row, in the place of who asks; a row that is not there is still nobody's.
OWNER = (
    '(await services.row("select account_id from assets where id = %s", (asset_id,))'
    ' or {"account_id": caller.account_id})["account_id"]'
)


@fault(
    "owner-filter-missing-in-lookup",
    kind="code",
    caught_by={"SEC-ACL-02": "another account's in GET /v1/assets/{asset_id}"},
    takes_s=30.0,
)
class OwnerMissingInLookup(PatchedRelease):
    """The query that every route begins with finds an asset by its id alone.

    Source: CWE-639, "Authorization Bypass Through User-Controlled Key"
    """

    services = ("api",)
    patch: ClassVar = [
        Patch(
            file=ROWS,
            find='"select * from assets where id = %s and account_id = %s", (asset_id, account_id))',
            replace="\"select * from assets where id = %s and %s <> ''\", (asset_id, account_id))",
        )
    ]


@fault(
    "owner-filter-missing-in-rename",
    kind="code",
    caught_by={"SEC-ACL-02": "another account's in PATCH /v1/assets/{asset_id}"},
    takes_s=30.0,
)
class OwnerMissingInRename(PatchedRelease):
    """The query that renames finds an asset by its id alone.

    Source: OWASP API Security Top 10, 2023, API1, "Broken Object Level Authorization"
    """

    services = ("api",)
    patch: ClassVar = [
        Patch(
            file=ASSETS,
            find="set title = %s where id = %s and account_id = %s returning",
            replace="set title = %s where id = %s and %s <> '' returning",
        )
    ]


@fault(
    "owner-filter-missing-in-delete",
    kind="code",
    caught_by={"SEC-ACL-02": "a refusal of DELETE /v1/assets/{asset_id}"},
    takes_s=30.0,
)
class OwnerMissingInDelete(PatchedRelease):
    """Deletion acts for the asset's owner, whoever asks.

    Source: OWASP API Security Top 10, 2023, API1, "Broken Object Level Authorization"
    """

    services = ("api",)
    patch: ClassVar = [
        Patch(
            file=ASSETS,
            find="await find_asset(services, caller.account_id, asset_id)\n    async with claim(services, caller.account_id, asset_id)",
            replace=f"owner = {OWNER}\n    await find_asset(services, owner, asset_id)\n    async with claim(services, owner, asset_id)",
        )
    ]


@fault(
    "owner-filter-missing-in-completion",
    kind="code",
    caught_by={"SEC-ACL-02": "another account's in POST /v1/assets/{asset_id}/complete"},
    takes_s=30.0,
)
class OwnerMissingInCompletion(PatchedRelease):
    """Completing an upload, parts and all, looks the asset up for its owner, whoever asks.

    Source: OWASP API Security Top 10, 2023, API1, "Broken Object Level Authorization"
    """

    services = ("api",)
    patch: ClassVar = [
        Patch(
            file=UPLOADS,
            find='row = await find_asset(services, caller.account_id, asset_id)\n    if not row["multipart"] or',
            replace=f'row = await find_asset(services, {OWNER}, asset_id)\n    if not row["multipart"] or',
        )
    ]


@fault(
    "owner-filter-missing-in-promotion",
    kind="code",
    caught_by={"SEC-ACL-02": "another account's in POST /v1/assets/{asset_id}/promote"},
    takes_s=30.0,
)
class OwnerMissingInPromotion(PatchedRelease):
    """Promotion looks the asset up for its owner, whoever asks.

    Source: OWASP API Security Top 10, 2023, API1, "Broken Object Level Authorization"
    """

    services = ("api",)
    patch: ClassVar = [
        Patch(
            file=PROMOTION,
            find="row = await find_asset(services, caller.account_id, asset_id)",
            replace=f"row = await find_asset(services, {OWNER}, asset_id)",
        ),
        Patch(
            file=PROMOTION,
            find="async with claim(services, caller.account_id, asset_id)",
            replace=f"async with claim(services, {OWNER}, asset_id)",
        ),
    ]


@fault(
    "owner-filter-missing-in-playback",
    kind="code",
    caught_by={"SEC-ACL-02": "another account's in POST /v1/assets/{asset_id}/playback"},
    takes_s=30.0,
)
class OwnerMissingInPlayback(PatchedRelease):
    """Links are signed for whoever knows an asset's id.

    Source: CWE-639, "Authorization Bypass Through User-Controlled Key"
    """

    services = ("api",)
    patch: ClassVar = [
        Patch(
            file=PLAYBACK,
            find="row = await find_asset(services, caller.account_id, asset_id)",
            replace=f"row = await find_asset(services, {OWNER}, asset_id)",
        )
    ]


@fault(
    "owner-filter-missing-in-events",
    kind="code",
    caught_by={"SEC-ACL-02": "a refusal of GET /v1/assets/{asset_id}/events"},
    takes_s=30.0,
)
class OwnerMissingInEvents(PatchedRelease):
    """The progress stream follows any asset.

    Source: CWE-639, "Authorization Bypass Through User-Controlled Key"
    """

    services = ("api",)
    patch: ClassVar = [
        Patch(
            file=EVENTS,
            find="row = await find_asset(services, caller.account_id, asset_id)",
            replace=f"row = await find_asset(services, {OWNER}, asset_id)",
        )
    ]


@fault(
    "owner-filter-missing-in-later-pages",
    kind="code",
    caught_by={"SEC-ACL-02": "nothing of another account's in GET /v1/assets"},
    takes_s=30.0,
)
class OwnerMissingInLaterPages(PatchedRelease):
    """Pages after the first take the cursor for proof of whose list it is.

    Source: CWE-566, "Authorization Bypass Through User-Controlled SQL Primary Key"
    """

    services = ("api",)
    patch: ClassVar = [
        Patch(file=ASSETS, find="where account_id = %s\n", replace="where (account_id = %s or %s)\n"),
        Patch(
            file=ASSETS,
            find="(caller.account_id, int(microseconds), last_id, limit + 1)",
            replace="(caller.account_id, cursor is not None, int(microseconds), last_id, limit + 1)",
        ),
    ]


@fault(
    "idempotency-key-shared-by-accounts",
    kind="code",
    caught_by={"SEC-ACL-02": "any order"},
    takes_s=30.0,
)
class KeyShared(PatchedRelease):
    """An Idempotency-Key is looked up without its account, so that a known key gives another's asset and upload.

    Source: CWE-639, "Authorization Bypass Through User-Controlled Key"
    """

    services = ("api",)
    patch: ClassVar = [
        Patch(
            file=UPLOADS,
            find="where k.account_id = %s and k.key = %s",
            replace="where %s::text <> '' and k.key = %s",
        )
    ]


@fault(
    "foreign-asset-forbidden",
    kind="code",
    caught_by={"SEC-ACL-02": "404 for GET /v1/assets/{asset_id}"},
    takes_s=30.0,
)
class ForeignAssetForbidden(PatchedRelease):
    """Another's asset is answered 403 instead of 404, which tells that it exists.

    Source: RFC 9110, section 15.5.4: a server that wishes to hide the existence of a resource may answer 404
    """

    services = ("api",)
    patch: ClassVar = [
        Patch(
            file=ROWS,
            find="    if row is None:\n",
            replace=(
                '    if row is None and await services.row("select 1 from assets where id = %s", (asset_id,)):\n'
                '        raise Problem(403, "This is not your asset.")\n    if row is None:\n'
            ),
        )
    ]


@fault(
    "route-with-another-identifier",
    kind="code",
    caught_by={"SEC-ACL-02": "uncovered", "DEP-API-01": "nothing beyond the committed contract"},
    takes_s=30.0,
)
class AnotherIdentifier(PatchedRelease):
    """A new route takes the id of a session, and nobody tried it with another's.

    Source: OWASP API Security Top 10, 2023, API9, "Improper Inventory Management"
    """

    services = ("api",)
    patch: ClassVar = [
        Patch(
            file=ASSETS,
            find='@router.get("/{asset_id}", responses',
            replace=(
                '@router.get("/{asset_id}/viewers/{session_id}")\n'
                "async def viewer(asset_id: AssetId, session_id: str, caller: Caller) -> list[str]:\n"
                '    """Say who watches."""\n    return [asset_id, session_id, caller.account_id]\n\n\n'
                '@router.get("/{asset_id}", responses'
            ),
        )
    ]
