"""Playback links: the documented vectors, the window, and refusal of everything that is not the link itself."""

import base64
import inspect
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from suites.security import mutations, signer
from system.common.config import KeyRing
from system.common.signing import Link, canonical_text, link_is_valid, parse_query, sign_link

KEYS = {"k1": bytes(range(32)), "k2": bytes(range(32, 64))}
RING = KeyRing("k1", KEYS)
ASSET = "0e3f1c52-7a52-4d43-9c1f-3a2b1c0d9e8f"
HOST = "play.example.test"
EXP = 1_800_000_000
DOCUMENT = Path(__file__).parents[2] / "docs" / "signing.md"
VECTORS = json.loads(DOCUMENT.with_name("signing-vectors.json").read_text())


def signed(ring: KeyRing = RING, *, host: str = HOST, asset_id: str = ASSET, variant: str = "preview") -> Link:
    link = parse_query(sign_link(ring, host=host, asset_id=asset_id, variant=variant, exp=EXP))
    assert link is not None
    return link


def opens(link: Link, **changes: object) -> bool:
    request = {"method": "GET", "host": HOST, "asset_id": ASSET, "variant": "preview", "now_s": EXP - 60.0}
    return link_is_valid(RING, link, **{**request, "max_lifetime_s": 3600, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize("vector", VECTORS["signed"], ids=lambda vector: vector["query"])
def test_every_published_link_is_signed_alike_by_all(vector: dict[str, Any]) -> None:
    fields = {name: vector[name] for name in VECTORS["signed_fields"]}
    text = canonical_text(**fields)
    assert text.decode() == vector["text"] == signer.canonical(**fields).decode()
    to_sign = {name: vector[name] for name in ("host", "asset_id", "variant", "exp")}
    assert sign_link(KeyRing(vector["kid"], KEYS), **to_sign) == vector["query"]
    assert signer.signed_query(KEYS[vector["kid"]], kid=vector["kid"], **to_sign) == vector["query"]
    line = [
        "openssl",
        "dgst",
        "-sha256",
        "-mac",
        "HMAC",
        "-macopt",
        f"hexkey:{VECTORS['keys'][vector['kid']]}",
        "-binary",
    ]
    mac = subprocess.run(line, input=text, capture_output=True, check=True).stdout
    assert vector["query"].endswith(base64.urlsafe_b64encode(mac).decode().rstrip("="))


@pytest.mark.parametrize("request_", VECTORS["requests"], ids=lambda request: request["why"])
def test_every_published_request_is_judged_as_written(request_: dict[str, Any]) -> None:
    link = parse_query(request_["query"])
    target = {name: request_[name] for name in ("method", "host", "asset_id", "variant")}
    opened = link is not None and link_is_valid(
        RING,
        link,
        **target,
        now_s=request_["now"],
        skew_s=request_["skew"],
        max_lifetime_s=request_["max_lifetime"],
    )
    assert opened is request_["opens"]


def test_the_mutation_matrix_covers_every_signed_field() -> None:
    assert set(VECTORS["signed_fields"]) <= set(mutations.FIELDS)
    assert VECTORS["signed_fields"] == list(inspect.signature(canonical_text).parameters)


def test_the_example_by_hand_is_the_first_vector() -> None:
    first = VECTORS["signed"][0]
    text = DOCUMENT.read_text()
    assert first["text"].replace("\n", r"\n") in text
    assert first["query"].rpartition("=")[2] in text
    assert VECTORS["keys"]["k1"] in text


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_fresh_link_opens_its_object(method: str) -> None:
    assert opens(signed(), method=method)


@pytest.mark.parametrize(
    "changes",
    [
        {"method": "POST"},
        {"host": "play.example.test:443"},
        {"host": "Play.example.test"},
        {"asset_id": ASSET.upper()},
        {"asset_id": ASSET.replace("0e3f", "0e3e")},
        {"variant": "poster"},
    ],
)
def test_a_link_opens_nothing_else(changes: dict[str, object]) -> None:
    assert not opens(signed(), **changes)


@pytest.mark.parametrize(
    ("now_s", "skew_s", "expected"),
    [
        (EXP - 0.001, 0, True),
        (EXP, 0, False),
        (EXP + 0.999, 1, True),
        (EXP + 1, 1, False),
        (EXP - 3600, 0, True),
        (EXP - 3600.001, 0, False),
        (EXP - 3601, 1, True),
    ],
)
def test_the_window_has_sharp_edges(now_s: float, skew_s: int, expected: bool) -> None:
    assert opens(signed(), now_s=now_s, skew_s=skew_s) is expected


def test_during_a_rotation_both_keys_open_and_a_removed_key_does_not() -> None:
    old, new = signed(KeyRing("k1", KEYS)), signed(KeyRing("k2", KEYS))
    request: dict[str, Any] = {"method": "GET", "host": HOST, "asset_id": ASSET, "variant": "preview"}
    after = KeyRing("k2", {"k2": KEYS["k2"]})
    for ring, expected in ((RING, [True, True]), (after, [False, True])):
        found = [link_is_valid(ring, link, **request, now_s=EXP - 1.0, max_lifetime_s=3600) for link in (old, new)]
        assert found == expected


def test_the_key_of_an_unknown_id_is_not_guessable() -> None:
    forged = signed(KeyRing("k9", {"k9": bytes(32)}))
    assert not opens(forged)


GOOD_QUERY = sign_link(RING, host=HOST, asset_id=ASSET, variant="preview", exp=EXP)


@pytest.mark.parametrize(
    "query",
    [
        "",
        GOOD_QUERY + "&",
        "&" + GOOD_QUERY,
        GOOD_QUERY + "&a=b",
        GOOD_QUERY + "=",
        GOOD_QUERY + "\n",
        GOOD_QUERY.replace("exp=", "exp=0"),
        GOOD_QUERY.replace("exp=", "exp=+"),
        GOOD_QUERY.replace("exp=1", "exp=%31"),
        GOOD_QUERY.replace("exp=", "EXP="),
        GOOD_QUERY.replace("exp=1", "exp=\u0661"),
        GOOD_QUERY.replace("kid=k1", "kid="),
        GOOD_QUERY.replace("kid=k1", "kid=k1&kid=k1"),
        GOOD_QUERY.replace("&kid", ";kid"),
        "&".join(reversed(GOOD_QUERY.split("&"))),
    ],
)
def test_only_the_canonical_query_is_read(query: str) -> None:
    assert parse_query(query) is None


@given(st.integers(0, 42), st.sampled_from("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"))
def test_any_other_signature_is_refused(position: int, letter: str) -> None:
    link = signed()
    changed = link.sig[:position] + letter + link.sig[position + 1 :]
    assert opens(Link(link.exp, link.kid, changed)) is (changed == link.sig)
