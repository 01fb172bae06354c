"""How hard a secret is to guess, and which others are the same: what may be said of it without saying it."""

import hashlib
import hmac
import re

from zxcvbn import zxcvbn

from seatrial.platform_answers import Strength

LOOKED_AT = 200
"""zxcvbn takes time that grows with the square of the length; nobody remembers, and so guesses, more characters."""

# What people write where a secret belongs. Random text holds none of them: in 43 characters one of six letters is found
# once in twenty-five million.
_WORDS = re.compile(
    r"change.?me|passw[o0]rd|secret|default|example|placeholder|replace.?me|insecure|dummy.?key|letmein|qwerty",
    re.IGNORECASE,
)


def strength(name: str, purpose: str, value: str, nonce: str) -> Strength:
    """Judge one value; fingerprints are equal where the values are, and only for the same nonce."""
    read = _readings(value)
    words = [word[0].lower() for each in read if (word := _WORDS.search(each))]
    return Strength(
        name=name,
        purpose=purpose,
        length=len(value),
        guesses_log10=round(min(map(_guesses, read)), 1),
        published=f"holds the word {words[0]!r}" if words else "",
        fingerprint=hmac.new(nonce.encode(), value.encode(), hashlib.sha256).hexdigest()[:32],
    )


def _guesses(value: str) -> float:
    return float(zxcvbn(value[:LOOKED_AT], max_length=LOOKED_AT)["guesses_log10"]) if value else 0.0


def _readings(value: str) -> list[str]:
    """Return the value, and the text that it is the hexadecimal of, if any."""
    if not value or len(value) % 2 or value.strip("0123456789abcdef"):
        return [value]
    decoded = bytes.fromhex(value)
    return [value, decoded.decode()] if decoded.isascii() and decoded.decode().isprintable() else [value]
