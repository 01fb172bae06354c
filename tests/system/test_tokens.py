"""Access tokens: a genuine one is read, and each published way to forge one fails."""

import time

import jwt
import pytest

from system.api.tokens import ACCESS_LIFETIME_S, AUDIENCE, SKEW_S, Claims, read_access_token, sign_access_token
from system.common.config import KeyRing

KEYS = KeyRing("k1", {"k1": b"1" * 32})
ISSUER = "https://api.test"
ACCOUNT = "0e3f1c52-7a52-4d43-9c1f-3a2b1c0d9e8f"
SESSION = "7d444840-9dc0-11d1-b245-5ffdce74fad2"


def claims(**changes: object) -> dict[str, object]:
    now = int(time.time())
    good = {"iss": ISSUER, "aud": AUDIENCE, "sub": ACCOUNT, "sid": SESSION, "iat": now, "nbf": now, "exp": now + 60}
    return {name: value for name, value in {**good, **changes}.items() if value is not None}


def forged(
    key: bytes | str = b"1" * 32, algorithm: str = "HS256", header: dict[str, str] | None = None, **changes: object
) -> str:
    headers = {"kid": "k1", "typ": "at+jwt", **(header or {})}
    return jwt.encode(claims(**changes), key, algorithm=algorithm, headers=headers)


def test_a_genuine_token_says_whose_it_is() -> None:
    token = sign_access_token(KEYS, issuer=ISSUER, account_id=ACCOUNT, session_id=SESSION, now_s=time.time())
    assert read_access_token(KEYS, token, issuer=ISSUER) == Claims(ACCOUNT, SESSION)
    assert read_access_token(KEYS, forged(), issuer=ISSUER) == Claims(ACCOUNT, SESSION)


@pytest.mark.parametrize("apart_s", [1 - SKEW_S, SKEW_S - 1])
def test_a_token_is_read_by_clocks_that_differ_within_the_tolerance(apart_s: int) -> None:
    """Ahead, by the reader's clock, the token has just expired; behind, it is not valid yet."""
    signed = int(time.time()) + (apart_s - ACCESS_LIFETIME_S if apart_s < 0 else apart_s)
    token = sign_access_token(KEYS, issuer=ISSUER, account_id=ACCOUNT, session_id=SESSION, now_s=signed)
    assert read_access_token(KEYS, token, issuer=ISSUER) == Claims(ACCOUNT, SESSION)


@pytest.mark.parametrize(
    "token",
    [
        "",
        "a.b.c",
        forged(key=b"2" * 32),
        forged(key="", algorithm="none"),
        forged(key=b"1" * 64, algorithm="HS512"),
        forged(header={"kid": "k2"}),
        forged(header={"typ": "JWT"}),
        forged(iss="https://other.test"),
        forged(aud="other"),
        forged(aud=[AUDIENCE, "other"]),
        forged(aud=None),
        forged(exp=None),
        forged(exp=int(time.time()) - SKEW_S),
        forged(exp=int(time.time()) + ACCESS_LIFETIME_S + 60),
        forged(exp=str(int(time.time()) + 60)),
        forged(iat=str(int(time.time()))),
        forged(nbf=time.time() - 0.5),
        forged(nbf=int(time.time()) + 60),
        forged(iat=int(time.time()) + 60),
        forged(sub="1 or 1=1"),
        forged(sid=None),
        forged()[:-2],
        forged() + ".x",
    ],
)
def test_a_forged_token_is_refused(token: str) -> None:
    assert read_access_token(KEYS, token, issuer=ISSUER) is None
