"""A password opens the account that it was hashed for, and nothing opens an account that is none."""

import asyncio

import pytest

from system.api.passwords import hash_password, password_is_right

PASSWORD = "correct horse battery staple"
STORED = hash_password(PASSWORD)


@pytest.mark.parametrize(
    ("stored", "password", "right"),
    [
        (STORED, PASSWORD, True),
        (STORED, PASSWORD + " ", False),
        (STORED, PASSWORD.upper(), False),
        (STORED, "", False),
        (STORED[:-1] + ("A" if STORED[-1] != "A" else "Q"), PASSWORD, False),
        (STORED.replace("argon2id", "argon2i"), PASSWORD, False),
        (PASSWORD, PASSWORD, False),
        ("", "", False),
        (None, "", False),
        (None, "no account has this password", False),
    ],
    ids=[
        "the password",
        "one character more",
        "other letters",
        "none",
        "another hash",
        "another algorithm",
        "stored as it is",
        "nothing stored",
        "no account",
        "no account, and what is compared then",
    ],
)
def test_only_the_password_that_was_hashed_is_right(stored: str | None, password: str, right: bool) -> None:
    assert asyncio.run(password_is_right(stored, password)) is right


def test_a_hash_is_salted_and_costs_what_owasp_asks_for() -> None:
    """Password Storage Cheat Sheet: argon2id, 19 MiB, two passes, one lane."""
    assert hash_password(PASSWORD) != STORED
    assert STORED.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
