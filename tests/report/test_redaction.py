"""Secrets in all their clothes."""

import base64
import json
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from seatrial.secrecy.redaction import MARK, Redactor

SECRET = 'k3y/+ "ü\\=&<x>'


@pytest.mark.parametrize(
    "form",
    [
        SECRET,
        quote(SECRET, safe=""),
        quote(SECRET),
        quote_plus(SECRET),
        quote(SECRET, safe="").lower().replace("k3y", "k3y"),
        json.dumps(SECRET)[1:-1],
        json.dumps(SECRET, ensure_ascii=False)[1:-1],
        base64.b64encode(SECRET.encode()).decode(),
        base64.urlsafe_b64encode(SECRET.encode()).decode().rstrip("="),
        SECRET.encode().hex(),
        SECRET.encode().hex().upper(),
    ],
)
def test_each_common_encoding_is_replaced(form: str) -> None:
    assert Redactor([SECRET]).text(f"before {form} after") == f"before {MARK} after"


@pytest.mark.parametrize("user", ["a", "api", "user1", "observer"])
def test_a_basic_authorization_header_gives_nothing_away(user: str) -> None:
    password = "correct-horse-battery"
    header = base64.b64encode(f"{user}:{password}".encode()).decode()
    cleaned = Redactor([password]).text(f"Basic {header}")
    assert MARK in cleaned
    rest = cleaned.removeprefix("Basic ").split(MARK)
    assert sum(map(len, rest)) <= len(base64.b64encode(f"{user}:".encode())) + 8


def test_values_in_nested_json_and_its_keys_are_replaced_and_types_stay() -> None:
    data = {"token-abcdef": [1, None, True, ("x token-abcdef", 2.5)]}
    assert Redactor(["token-abcdef"]).clean(data) == {MARK: [1, None, True, (f"x {MARK}", 2.5)]}


@pytest.mark.parametrize("value", ["", "a", "abcde", "   abc   "[:5]])
def test_short_values_are_not_registered(value: str) -> None:
    assert Redactor([value]).text("abcde a rest of it") == "abcde a rest of it"


def test_a_value_read_with_its_newline_is_replaced_without_it() -> None:
    assert Redactor(["s3cr3t-value\n"]).text("is s3cr3t-value.") == f"is {MARK}."


def test_the_longer_of_two_secrets_wins() -> None:
    assert Redactor(["secret", "secret-and-more"]).text("secret-and-more secret") == f"{MARK} {MARK}"


def test_a_secret_registered_later_is_replaced_too() -> None:
    redactor = Redactor(["first-secret"])
    assert redactor.text("second-secret") == "second-secret"
    redactor.register("second-secret")
    assert redactor.text("first-secret second-secret") == f"{MARK} {MARK}"


# A busy machine is slow to draw, which says nothing of the redactor.
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    secret=st.text('abcdef0123456789&"\\ü', min_size=6),
    before=st.text("xyz "),
    after=st.text("xyz "),
    times=st.integers(1, 3),
)
def test_exactly_the_secret_is_taken_out(secret: str, before: str, after: str, times: int) -> None:
    text = (before + secret + after) * times
    assert Redactor([secret]).text(text) == (before + MARK + after) * times


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(secret=st.binary(min_size=4, max_size=40).map(lambda raw: raw.hex()), prefix=st.binary(max_size=9))
def test_base64_of_a_longer_value_does_not_hold_the_secret(secret: str, prefix: bytes) -> None:
    encoded = base64.b64encode(prefix + secret.encode() + b"tail").decode()
    assert MARK in Redactor([secret]).text(encoded)
