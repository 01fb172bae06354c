"""The forged tokens are forged: none is the genuine one, and a verifier without a flaw reads none of them."""

import base64
import hashlib
import hmac
import time
from collections.abc import Mapping
from typing import Any

import jwt
import pytest

from suites.security.forgery import PUBLISHED, Genuine, forgeries, signed, signed_by, stolen_key_tokens

KEY = b"1" * 32
PUBLIC = b"-----BEGIN PUBLIC KEY-----\nMFkw\n-----END PUBLIC KEY-----\n"


def token(**changes: Any) -> str:
    now = int(time.time())
    claims = {
        "iss": "https://api.test",
        "aud": "api",
        "sub": "a",
        "sid": "s",
        "iat": now,
        "nbf": now,
        "exp": now + 3600,
    }
    return jwt.encode({**claims, **changes}, KEY, algorithm="HS256", headers={"kid": "k1", "typ": "at+jwt"})


MINE, THEIRS = token(), token(sub="b", sid="t")


def test_there_are_many_and_each_has_a_name_of_its_own() -> None:
    names = [each.attack for each in forgeries(MINE, THEIRS, [PUBLIC])]

    assert len(names) >= 120
    assert len(set(names)) == len(names)


def test_none_is_a_genuine_token_and_none_verifies() -> None:
    for each in forgeries(MINE, THEIRS, [PUBLIC]):
        assert each.token not in {MINE, THEIRS}
        with pytest.raises((jwt.PyJWTError, TypeError, ValueError)):
            jwt.decode(each.token, KEY, algorithms=["HS256"], audience="api", issuer="https://api.test")


def test_a_token_taken_apart_and_signed_again_is_the_same() -> None:
    genuine = Genuine(MINE)
    again = signed(genuine.header, genuine.claims, lambda text: hmac.new(KEY, text, hashlib.sha256).digest())
    seen: Mapping[str, Any] = jwt.decode(again, KEY, algorithms=["HS256"], audience="api")

    assert seen == genuine.claims


def test_a_published_key_gives_tokens_that_a_verifier_with_that_key_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PUBLISHED, "the verifier's own", KEY)

    read = [
        jwt.decode(each.token, KEY, algorithms=["HS256"], audience="api")["sub"]
        for each in forgeries(MINE, THEIRS, [])
        if "the verifier's own" in each.attack
    ]

    assert read == ["a", "b", "a"]


def test_a_stolen_key_s_tokens_are_rightly_signed_and_each_says_something_else() -> None:
    made = stolen_key_tokens(MINE, THEIRS, KEY, time.time(), 5.0)

    assert len({each.attack for each in made}) == len(made) >= 25
    said = set()
    for each in made:
        head, body, signature = each.token.split(".")
        mac = hmac.digest(KEY, f"{head}.{body}".encode(), hashlib.sha256)
        assert base64.urlsafe_b64decode(f"{signature}=") == mac
        assert each.token not in {MINE, THEIRS}
        said.add((head, body))
    assert len(said) == len(made)
    assert Genuine(signed_by(MINE, KEY)).claims == {**Genuine(MINE).claims, "exp": Genuine(MINE).claims["exp"] - 1}
