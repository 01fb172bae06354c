"""What faults of links' keys and tolerances share: a link that is signed here, to an object that is not there."""

import time
from urllib.parse import urlsplit

from seatrial import Observe
from suites.security.signer import Ring, signed_query

ABSENT = "00000000-0000-4000-8000-000000000000"


def opens(observe: Observe, edge: str, ring: Ring, ends_in_s: float) -> bool:
    """Say whether an edge instance takes such a link, which is 404 then, and 403 else."""
    host, kid = urlsplit(observe.profile.urls["play"]).netloc, ring.active
    exp = int(time.time() + ends_in_s)
    query = signed_query(ring.keys[kid], host=host, asset_id=ABSENT, variant="preview", kid=kid, exp=exp)
    via = observe.profile.services["edge"].instances[edge]
    answer = observe.http.get(f"play:/v/{ABSENT}/preview?{query}", headers={"Host": host}, via=via)
    return answer.status == 404
