"""Make and read access tokens: JWT, HS256, ten minutes, bound to a session; and make refresh tokens."""

import hashlib
import re
import secrets
import time
from dataclasses import dataclass

import jwt

from system.common.config import KeyRing

__all__ = [
    "ACCESS_LIFETIME_S",
    "SKEW_S",
    "Claims",
    "new_refresh_token",
    "read_access_token",
    "refresh_digest",
    "sign_access_token",
]

ACCESS_LIFETIME_S = 600
SKEW_S = 5  # by so much may the clocks of instances differ
AUDIENCE = "seatrial-api"
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(frozen=True)
class Claims:
    """Hold whom a genuine token speaks for."""

    account_id: str
    session_id: str


def sign_access_token(keys: KeyRing, *, issuer: str, account_id: str, session_id: str, now_s: float) -> str:
    """Sign with the active key."""
    now = int(now_s)
    claims = {
        "iss": issuer,
        "aud": AUDIENCE,
        "sub": account_id,
        "sid": session_id,
        "iat": now,
        "nbf": now,
        "exp": now + ACCESS_LIFETIME_S,
    }
    return jwt.encode(claims, keys.keys[keys.active], algorithm="HS256", headers={"kid": keys.active, "typ": "at+jwt"})


def read_access_token(keys: KeyRing, token: str, *, issuer: str) -> Claims | None:
    """Verify a token; None whatever is wrong with it. The algorithm is ours, never the header's."""
    try:
        header = jwt.get_unverified_header(token)
        key = keys.keys.get(str(header.get("kid")))
        if key is None or header.get("typ") != "at+jwt":
            return None
        claims = jwt.decode(
            token,
            key,
            algorithms=["HS256"],
            audience=AUDIENCE,
            issuer=issuer,
            leeway=SKEW_S,
            options={"require": ["iss", "aud", "sub", "sid", "iat", "nbf", "exp"], "strict_aud": True},
        )
    except (jwt.PyJWTError, ValueError, TypeError):
        return None
    account_id, session_id = str(claims["sub"]), str(claims["sid"])
    if any(type(claims[name]) is not int for name in ("iat", "nbf", "exp")):
        return None  # the library also takes times that are text
    if not _UUID.fullmatch(account_id) or not _UUID.fullmatch(session_id):
        return None
    if claims["exp"] - claims["iat"] > ACCESS_LIFETIME_S or claims["exp"] + SKEW_S <= time.time():
        return None
    return Claims(account_id, session_id)


def new_refresh_token() -> str:
    """Make 256 random bits, as text."""
    return secrets.token_urlsafe(32)


def refresh_digest(token: str) -> bytes:
    """Give what the database keeps of a refresh token; it is random, so a plain hash does."""
    return hashlib.sha256(token.encode()).digest()
