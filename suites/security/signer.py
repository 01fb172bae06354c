"""The suites' own signer of playback links, written from docs/signing.md: what a thief of a key could make."""

import base64
import hashlib
import hmac
import json
from dataclasses import dataclass, field

VERSION = "seatrial-link-v1"


@dataclass(frozen=True)
class Ring:
    """The signing keys of an environment, in the order in which they were added."""

    active: str
    keys: dict[str, bytes] = field(repr=False)

    @classmethod
    def parse(cls, text: str) -> "Ring":
        """Read a key ring, or one bare key, which is called k1."""
        if not text.startswith("{"):
            return cls("k1", {"k1": text.encode()})
        document = json.loads(text)
        return cls(document["active"], {kid: bytes.fromhex(key) for kid, key in document["keys"].items()})


def canonical(*, method: str, host: str, asset_id: str, variant: str, kid: str, exp: int | str) -> bytes:
    """Return the bytes that are signed."""
    return "\n".join((VERSION, method, host, asset_id, variant, kid, str(exp))).encode()


def signature(key: bytes, text: bytes) -> str:
    """Return the MAC as links carry it."""
    return base64.urlsafe_b64encode(hmac.digest(key, text, hashlib.sha256)).rstrip(b"=").decode()


def signed_query(key: bytes, *, host: str, asset_id: str, variant: str, kid: str, exp: int) -> str:
    """Return the query of a GET link that names `kid` and was signed with `key`, whether they belong together or not."""
    text = canonical(method="GET", host=host, asset_id=asset_id, variant=variant, kid=kid, exp=exp)
    return f"exp={exp}&kid={kid}&sig={signature(key, text)}"
