"""Answer a call that is repeated under its Idempotency-Key as it was answered first, and act once.

The key is the account's own and is taken, in one statement, before anything is done. A call that was refused or broke off
gives it back, so that the repetition acts; one whose instance died loses it with the time. Answers of assets are kept, which
hold nothing secret: links and tokens are never answered through here. Announcing has keys of its own (system/api/uploads.py),
taken in the transaction that makes the asset.
"""

import hashlib
import uuid
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Annotated, TypeVar

from fastapi import Header
from psycopg.rows import DictRow
from psycopg.types.json import Jsonb
from pydantic import BaseModel

from system.api.claims import CLAIM_S
from system.api.services import Services
from system.common.problem import Problem

__all__ = ["KEPT", "OTHER_REQUEST", "Done", "IdempotencyKey", "once"]

A = TypeVar("A", bound=BaseModel)

KEPT = timedelta(days=1)
OTHER_REQUEST = "This Idempotency-Key was used for another request."

IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=128,
        pattern=r"^[A-Za-z0-9_.:-]+$",
        description="Repeating a request under the same key, within a day, gives the same answer and acts once.",
    ),
]


class Done(BaseModel):
    """Answer without a body."""


_TAKE = """
insert into idempotent_answers as kept (account_id, key, request_sha256, owner, expires_at)
values (%(account)s, %(key)s, %(digest)s, %(owner)s, now() + make_interval(secs => %(claim_s)s))
on conflict (account_id, key) do update
    set request_sha256 = excluded.request_sha256, owner = excluded.owner, answer = null, created_at = now(),
        expires_at = excluded.expires_at
    where kept.expires_at < now()
returning 1
"""
_FIRST = "select request_sha256, answer from idempotent_answers where account_id = %(account)s and key = %(key)s"
_KEEP = """
update idempotent_answers set answer = %(answer)s, expires_at = now() + %(kept)s
where account_id = %(account)s and key = %(key)s and owner = %(owner)s
"""
# Each call makes one row at most and removes more, whoever's they are: what nobody asks for any more goes too.
_FORGET = """
delete from idempotent_answers where (account_id, key) in (
    select account_id, key from idempotent_answers where expires_at < now()
    order by expires_at limit 20 for update skip locked)
"""
_GIVE_BACK = "delete from idempotent_answers where account_id = %(account)s and key = %(key)s and owner = %(owner)s"


async def once(
    services: Services,
    account_id: str,
    key: str | None,
    request: tuple[str, ...],
    kind: type[A],
    act: Callable[[], Awaitable[A]],
) -> A:
    """Act and keep the answer, or give the answer that was kept.

    Args:
        services: the open clients.
        account_id: whose key it is.
        key: without one the call acts each time.
        request: what makes it this request and no other: operation, path and body as texts.
        kind: what the answer is.
        act: does it; a Problem that it raises is not kept.

    Raises Problem 422 for a key of another request, 409 while the first is under way.
    """
    if key is None:
        return await act()
    digest = hashlib.sha256("\0".join(request).encode()).digest()
    values = {"account": account_id, "key": key, "digest": digest, "owner": uuid.uuid4(), "claim_s": CLAIM_S}
    async with services.database() as connection:
        await connection.execute(_FORGET)
        taken = (await connection.execute(_TAKE, values)).rowcount == 1
        first = None if taken else await (await connection.execute(_FIRST, values)).fetchone()
    if not taken:
        return _kept(first, digest, kind)
    try:
        answer = await act()
    except BaseException:
        await services.row(_GIVE_BACK, values)
        raise
    await services.row(_KEEP, {**values, "answer": Jsonb(answer.model_dump(mode="json")), "kept": KEPT})
    return answer


def _kept(first: DictRow | None, digest: bytes, kind: type[A]) -> A:
    if first is not None and bytes(first["request_sha256"]) != digest:
        raise Problem(422, OTHER_REQUEST)
    if first is None or first["answer"] is None:
        detail = "The first request under this Idempotency-Key is still under way; try again."
        raise Problem(409, detail, headers={"Retry-After": "1"})
    return kind.model_validate(first["answer"])
