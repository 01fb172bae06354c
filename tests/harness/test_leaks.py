"""Finding secrets in bytes, whatever they were written down as."""

import base64
import gzip
import html
import json
from urllib.parse import quote

import pytest

from seatrial.secrecy.leaks import Finder, unpacked

SECRET = 'correct "horse" & battery'
KEY = "00ff" * 16
RAW = SECRET.encode()


@pytest.mark.parametrize(
    "data",
    [
        RAW,
        json.dumps({"a": SECRET}).encode(),
        quote(SECRET).encode(),
        html.escape(SECRET).encode(),
        RAW.hex().encode(),
        base64.b64encode(b"user:" + RAW + b"!"),
        gzip.compress(b"a line before\n" + RAW, mtime=0),
        b"head" + gzip.compress(RAW, mtime=0) + b"between" + gzip.compress(b"nothing", mtime=0),
    ],
)
def test_each_form_is_found_and_named_without_its_value(data: bytes) -> None:
    found = Finder({"postgres-api": SECRET}).find(b"before " + data + b" after")

    assert {name.removesuffix(" (encoded)") for name in found} == {"postgres-api"}
    assert SECRET not in repr(found)


def test_every_key_of_a_ring_is_one_and_a_key_in_hexadecimal_is_bytes_too() -> None:
    finder = Finder({"links": json.dumps({"active": "k1", "keys": {"k1": KEY, "k2": "11" * 16}})})

    assert finder.find(("11" * 16).encode()) == ["links"]
    assert finder.find(base64.b64encode(bytes.fromhex(KEY))) == ["links (encoded)"]
    assert finder.find(b'{"active": "k1", "keys": {}}') == []


def test_what_is_too_short_to_be_told_from_chance_is_not_looked_for() -> None:
    assert Finder({"pin": "1234"}).find(b"1234 and 31323334") == []


def test_bytes_that_only_begin_like_a_packed_member_are_left_as_they_are() -> None:
    assert unpacked(b"\x1f\x8b\x08 and no more").startswith(b"\x1f\x8b\x08 and no more")


def test_a_truncated_member_is_read_as_far_as_it_goes() -> None:
    assert b"start" in unpacked(gzip.compress(b"start" + bytes(100))[:-8])
