"""Playback links: the documented vectors, the window, and refusal of everything that is not the link itself."""

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from system.common.config import KeyRing
from system.common.signing import Link, canonical_text, link_is_valid, parse_query, sign_link

KEYS = {"k1": bytes(range(32)), "k2": bytes(range(32, 64))}
RING = KeyRing("k1", KEYS)
ASSET = "0e3f1c52-7a52-4d43-9c1f-3a2b1c0d9e8f"
HOST = "play.example.test"
EXP = 1_800_000_000
DOCUMENT = Path(__file__).parents[2] / "docs" / "signing.md"
VECTOR = re.compile(r"^\| (k[12]) \| `(.+)` \| `(.+)` \| (preview|poster) \| (\d+) \| `(.+)` \|$", re.MULTILINE)


def signed(ring: KeyRing = RING, *, host: str = HOST, asset_id: str = ASSET, variant: str = "preview") -> Link:
    link = parse_query(sign_link(ring, host=host, asset_id=asset_id, variant=variant, exp=EXP))
    assert link is not None
    return link


def opens(link: Link, **changes: object) -> bool:
    request = {"method": "GET", "host": HOST, "asset_id": ASSET, "variant": "preview", "now_s": EXP - 60.0}
    return link_is_valid(RING, link, **{**request, "max_lifetime_s": 3600, **changes})  # type: ignore[arg-type]


def test_every_documented_vector_holds() -> None:
    vectors = VECTOR.findall(DOCUMENT.read_text())
    assert len(vectors) == 3
    for kid, host, asset_id, variant, exp, sig in vectors:
        query = sign_link(KeyRing(kid, KEYS), host=host, asset_id=asset_id, variant=variant, exp=int(exp))
        assert query == f"exp={exp}&kid={kid}&sig={sig}"


def test_the_documented_text_is_what_is_signed() -> None:
    text = canonical_text(method="GET", host=HOST, asset_id=ASSET, variant="preview", kid="k1", exp=EXP)
    assert text.decode().replace("\n", r"\n") in DOCUMENT.read_text()


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
