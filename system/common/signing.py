"""Sign and verify playback links; the canonical form and its test vectors are in docs/signing.md."""

import base64
import hmac
import re
from dataclasses import dataclass

from system.common.config import KeyRing

__all__ = ["VARIANTS", "Link", "canonical_text", "link_is_valid", "parse_query", "sign_link"]

VERSION = "seatrial-link-v1"
VARIANTS = {"preview": "video/mp4", "poster": "image/jpeg"}

_QUERY = re.compile(r"exp=(0|[1-9][0-9]{0,11})&kid=([A-Za-z0-9_-]{1,32})&sig=([A-Za-z0-9_-]{43})", re.ASCII)
_UNKNOWN_KEY = bytes(32)


@dataclass(frozen=True)
class Link:
    """Hold the query of a link: expiry (unix seconds), key id, signature (base64url without padding)."""

    exp: int
    kid: str
    sig: str


def canonical_text(*, method: str, host: str, asset_id: str, variant: str, kid: str, exp: int) -> bytes:
    """Give the bytes that are signed: seven lines joined by a line feed, none at the end."""
    return "\n".join((VERSION, method, host, asset_id, variant, kid, str(exp))).encode()


def _signature(key: bytes, text: bytes) -> str:
    return base64.urlsafe_b64encode(hmac.digest(key, text, "sha256")).rstrip(b"=").decode()


def sign_link(keys: KeyRing, *, host: str, asset_id: str, variant: str, exp: int) -> str:
    """Sign a GET link with the active key; give its query string."""
    text = canonical_text(method="GET", host=host, asset_id=asset_id, variant=variant, kid=keys.active, exp=exp)
    return f"exp={exp}&kid={keys.active}&sig={_signature(keys.keys[keys.active], text)}"


def parse_query(query: str) -> Link | None:
    """Read the raw query string of a request; None unless it is exactly one exp, kid and sig in canonical form."""
    match = _QUERY.fullmatch(query)
    return Link(int(match[1]), match[2], match[3]) if match else None


def link_is_valid(
    keys: KeyRing,
    link: Link,
    *,
    method: str,
    host: str,
    asset_id: str,
    variant: str,
    now_s: float,
    max_lifetime_s: int,
    skew_s: int = 0,
) -> bool:
    """Tell whether the link opens this very object now; a GET link also serves HEAD.

    The signature is compared in constant time, and computed for unknown key ids and expired links as well, so that
    all refusals cost the same.
    """
    signed_method = "GET" if method == "HEAD" else method
    text = canonical_text(
        method=signed_method, host=host, asset_id=asset_id, variant=variant, kid=link.kid, exp=link.exp
    )
    expected = _signature(keys.keys.get(link.kid, _UNKNOWN_KEY), text)
    genuine = hmac.compare_digest(expected, link.sig)
    in_time = now_s < link.exp + skew_s and link.exp - now_s <= max_lifetime_s + skew_s
    return genuine and in_time and link.kid in keys.keys
