"""A signature over bytes and over what they are: DSSE 1.0 with Ed25519.

The protocol: https://github.com/secure-systems-lab/dsse/blob/master/protocol.md. A reader here is stricter than it asks for: exactly
one signature, no member that is not known, none that is there twice.
"""

import base64
import binascii
import hashlib
import json
import re
from pathlib import Path
from typing import Any, TypeVar

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key
from pydantic import BaseModel, ConfigDict, ValidationError

from seatrial.errors import SeatrialError, UsageError

PAYLOAD_TYPE = "application/vnd.in-toto+json"
LONGEST_BYTES = 4 << 20
_SEED = re.compile(r"[A-Za-z0-9_-]{43}")
_STANDARD = str.maketrans("-_", "+/")


class Refused(SeatrialError):  # noqa: N818 - what it is
    """An attestation does not show what it has to; the message is one line."""


class Strict(BaseModel):
    """A part of what is read: of exactly this shape."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


Shape = TypeVar("Shape", bound=Strict)


class PublicKey:
    """The half of a key that everybody may have.

    Attributes:
        id: sha256 of the key as SubjectPublicKeyInfo in DER, in hexadecimal: `openssl pkey -pubin -outform DER | sha256sum`.
        pem: the key as a PEM file holds it.
    """

    def __init__(self, key: Ed25519PublicKey) -> None:
        self._key = key
        self.id = hashlib.sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()
        self.pem = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()

    @classmethod
    def read(cls, path: Path) -> "PublicKey":
        """Read a PEM file; raises UsageError for one that is missing, or holds anything but one public Ed25519 key."""
        try:
            text = path.read_bytes().decode("ascii", "replace").strip()
        except OSError as error:
            raise UsageError(f"key {path}: {error.strerror}") from None
        if "PRIVATE KEY" in text or _SEED.fullmatch(text):
            raise UsageError(f"key {path} is a private key: give the public one, which `seatrial verdict key` prints")
        try:
            key = load_pem_public_key(text.encode())
        except (ValueError, UnsupportedAlgorithm):
            key = None
        if not isinstance(key, Ed25519PublicKey) or text.count("-----BEGIN") != 1:
            raise UsageError(f"key {path} is no public Ed25519 key in PEM")
        return cls(key)

    def fits(self, signature: bytes, data: bytes) -> bool:
        """Tell whether this key's other half signed the data."""
        try:
            self._key.verify(signature, data)
        except InvalidSignature:
            return False
        return True


class Signer:
    """The half of a key that signs; nothing of it is ever given out.

    Args:
        seed: 32 random bytes in base64url, as `seatrial secrets generate` makes them (RFC 8032, 5.1.5); ValueError for anything else.
    """

    def __init__(self, seed: str) -> None:
        if not _SEED.fullmatch(seed):
            raise ValueError("not 32 random bytes in base64url")
        self._key = Ed25519PrivateKey.from_private_bytes(base64.urlsafe_b64decode(f"{seed}="))
        self.public = PublicKey(self._key.public_key())

    def sign(self, payload: bytes) -> str:
        """Return the envelope of a payload, one line of JSON."""
        signature = {"keyid": self.public.id, "sig": _encoded(self._key.sign(pae(PAYLOAD_TYPE, payload)))}
        return json.dumps({"payload": _encoded(payload), "payloadType": PAYLOAD_TYPE, "signatures": [signature]})


class _Signature(Strict):
    sig: str
    keyid: str = ""


class _Envelope(Strict):
    payload: str
    payloadType: str  # noqa: N815 - the format's name
    signatures: list[_Signature]


def pae(payload_type: str, payload: bytes) -> bytes:
    """Return what is signed: type and payload, each behind its length, so that neither can pass for a part of the other."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def opened(data: bytes, key: PublicKey) -> bytes:
    """Return the payload of an envelope that this key has signed; raises Refused for any other."""
    if len(data) > LONGEST_BYTES:
        raise Refused(f"it has more than {LONGEST_BYTES} bytes")
    envelope = shaped(_Envelope, data, "envelope")
    if envelope.payloadType != PAYLOAD_TYPE:
        raise Refused(f"its payloadType is {envelope.payloadType[:100]!r}, expected {PAYLOAD_TYPE!r}")
    if len(envelope.signatures) != 1:
        raise Refused(f"it has {len(envelope.signatures)} signatures, expected one")
    (signature,) = envelope.signatures
    payload = _decoded(envelope.payload, "payload")
    if not key.fits(_decoded(signature.sig, "signature"), pae(envelope.payloadType, payload)):
        # The id is no part of what is signed: it may explain a refusal, and never prevent one.
        if signature.keyid not in {"", key.id}:
            raise Refused(f"it says that key {signature.keyid[:64]!r} signed it, and the key given is {key.id}")
        raise Refused("its signature does not fit: payload or signature were altered, or another key signed it")
    return payload


def shaped(shape: type[Shape], data: bytes, what: str) -> Shape:
    """Read JSON of exactly this shape; raises Refused for anything else, a member that is there twice included."""
    if not data.strip():
        raise Refused(f"the {what} is empty")
    try:
        json.loads(data.decode(), object_pairs_hook=_once)
        return shape.model_validate_json(data)
    except ValidationError as error:
        first = error.errors()[0]
        raise Refused(f"the {what} is malformed: {'.'.join(map(str, first['loc']))}: {first['msg']}") from None
    except (ValueError, RecursionError) as error:
        raise Refused(f"the {what} is no JSON: {str(error)[:200]}") from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise ValueError(f"{name[:100]!r} is there twice")
        found[name] = value
    return found


def _encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _decoded(text: str, what: str) -> bytes:
    """Read base64, or base64url, which the protocol lets a signer choose."""
    try:
        return base64.b64decode(text.translate(_STANDARD), validate=True)
    except (binascii.Error, ValueError):
        raise Refused(f"its {what} is no base64") from None
