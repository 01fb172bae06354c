"""What faults of the object store share: what it lets a key do, and which origins it allows."""

from typing import Any

from seatrial import Observe
from seatrial.facets.s3 import ServiceKey

# MD5 of no body that is ever sent here, so that nothing is written.
OTHER_DIGEST = "AAAAAAAAAAAAAAAAAAAAAA=="
NO_VERSION = "0" * 32
STRANGER = "https://stranger.example"


def refused(
    key: ServiceKey, bucket: str, operation: str = "get_object", *, name: str = "trial/not-there", **arguments: Any
) -> bool | None:
    """Say whether a key has no right to a call; None where the store's answer does not tell.

    A store decides that first: the call is about what is not there, or cannot be carried out.
    """
    answer = key.call(operation, Bucket=bucket, Key=name, **arguments)
    return None if answer.status is None or answer.status >= 500 else answer.code == "AccessDenied"


def uploads_allowed(observe: Observe, origin: str) -> bool:
    """Ask as a browser does before it uploads from that origin."""
    asked = {"Origin": origin, "Access-Control-Request-Method": "PUT"}
    answer = observe.http.options(f"s3:/{observe.s3.bucket('staging')}/trial/preflight", headers=asked)
    return answer.headers.get("access-control-allow-origin") in {"*", origin}
