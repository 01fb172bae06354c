"""Access tokens: a genuine one is read, and each published way to forge one fails."""

import time
from collections.abc import Callable

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


# Each is made when its test runs: one that was made earlier would be refused for its age, whatever else is wrong with it.
FORGERIES: dict[str, Callable[[], str]] = {
    "nothing": lambda: "",
    "no token": lambda: "a.b.c",
    "another key": lambda: forged(key=b"2" * 32),
    "no signature": lambda: forged(key="", algorithm="none"),
    "another algorithm": lambda: forged(key=b"1" * 64, algorithm="HS512"),
    "an unknown key id": lambda: forged(header={"kid": "k2"}),
    "another type": lambda: forged(header={"typ": "JWT"}),
    "another issuer": lambda: forged(iss="https://other.test"),
    "another audience": lambda: forged(aud="other"),
    "two audiences": lambda: forged(aud=[AUDIENCE, "other"]),
    "no audience": lambda: forged(aud=None),
    "no end": lambda: forged(exp=None),
    "expired": lambda: forged(exp=int(time.time()) - SKEW_S),
    "living too long": lambda: forged(exp=int(time.time()) + ACCESS_LIFETIME_S + 60),
    "its end as text": lambda: forged(exp=str(int(time.time()) + 60)),
    "its issue as text": lambda: forged(iat=str(int(time.time()))),
    "its start as a fraction": lambda: forged(nbf=time.time() - 0.5),
    "not valid yet": lambda: forged(nbf=int(time.time()) + 60),
    "issued in the future": lambda: forged(iat=int(time.time()) + 60),
    "an account that is none": lambda: forged(sub="1 or 1=1"),
    "no session": lambda: forged(sid=None),
    "cut short": lambda: forged()[:-2],
    "a part too many": lambda: forged() + ".x",
}


@pytest.mark.parametrize("forgery", FORGERIES)
def test_a_forged_token_is_refused(forgery: str) -> None:
    token, unforged = FORGERIES[forgery](), forged()
    assert read_access_token(KEYS, token, issuer=ISSUER) is None
    assert read_access_token(KEYS, unforged, issuer=ISSUER), "refused for another reason than its forgery"
