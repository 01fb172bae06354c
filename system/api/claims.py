"""Claim an asset while its objects are worked on, so that of several completions, promotions or deletions one acts at a time."""

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from psycopg.rows import DictRow

from system.api.services import Services

__all__ = ["CLAIM_S", "Claim", "claim", "renew"]

CLAIM_S = 120  # longer than any one call to the store may take; a claim whose instance died ends by itself


class Claim:
    """Hold the claimed row (None: someone else holds the claim, or the row is gone) and the owner's token.

    The row has `claimed_at` too, by the database's clock, which all instances share.
    """

    def __init__(self, owner: uuid.UUID, row: DictRow | None) -> None:
        self.owner, self.row = owner, row


@asynccontextmanager
async def claim(services: Services, account_id: str, asset_id: str) -> AsyncIterator[Claim]:
    """Take the claim if it is free, and give it back at the end."""
    owner = uuid.uuid4()
    row = await services.row(
        """update assets set claim_owner = %s, claim_until = now() + make_interval(secs => %s)
           where id = %s and account_id = %s and (claim_until is null or claim_until < now())
           returning *, now() as claimed_at""",
        (owner, CLAIM_S, asset_id, account_id),
    )
    try:
        yield Claim(owner, row)
    finally:
        if row is not None:
            await services.row(
                "update assets set claim_owner = null, claim_until = null where id = %s and claim_owner = %s",
                (asset_id, owner),
            )


async def renew(services: Services, owner: uuid.UUID, asset_id: object) -> DictRow | None:
    """Have the claim for its whole time once more; gives the row, None where it is gone or somebody else's by now."""
    return await services.row(
        """update assets set claim_until = now() + make_interval(secs => %s) where id = %s and claim_owner = %s
           returning *, now() as claimed_at""",
        (CLAIM_S, asset_id, owner),
    )
