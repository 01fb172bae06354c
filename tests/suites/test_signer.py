"""The suites' own signer."""

from suites.security.signer import Ring, canonical, signed_query

KEY = bytes(range(32))
ASSET = "0e3f1c52-7a52-4d43-9c1f-3a2b1c0d9e8f"


def test_a_ring_and_a_bare_key_are_read() -> None:
    ring = Ring.parse('{"active": "k2", "keys": {"k1": "00ff", "k2": "11"}}')
    assert (ring.active, ring.keys) == ("k2", {"k1": b"\0\xff", "k2": b"\x11"})
    assert Ring.parse("bare").keys == {"k1": b"bare"}
    assert "00ff" not in repr(ring)


def test_the_canonical_text_is_that_of_the_document() -> None:
    text = canonical(
        method="GET", host="play.example.test", asset_id=ASSET, variant="preview", kid="k1", exp=1_800_000_000
    )
    assert text == f"seatrial-link-v1\nGET\nplay.example.test\n{ASSET}\npreview\nk1\n1800000000".encode()


def test_a_key_may_sign_under_another_id() -> None:
    query = signed_query(KEY, host="h", asset_id=ASSET, variant="preview", kid="other", exp=1)
    assert query.startswith("exp=1&kid=other&sig=")
    assert len(query.rpartition("sig=")[2]) == 43
