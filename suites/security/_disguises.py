"""What a secret looks like after it was written down: canaries for whoever says that they look for secrets."""

import base64
import gzip
import html
import json
import secrets
from urllib.parse import quote


def canary() -> str:
    """Return a random text whose every form differs from the others: with a quote, and with all of base64's own signs."""
    return f'canary-{secrets.token_hex(8)}-?>~"\xff\xfe'


def disguises(value: str) -> dict[str, bytes]:
    """Return the value in every form that is to be found, by the form's name."""
    raw = value.encode()
    found = {
        "as it is": raw,
        "in JSON": json.dumps({"value": value}).encode(),
        "in a URL": f"https://example.com/?value={quote(value, safe='')}&more".encode(),
        "in markup": f"<p>{html.escape(value)}</p>".encode(),
        "hexadecimal": raw.hex().encode(),
        "hexadecimal, in capitals": raw.hex().upper().encode(),
        "packed": gzip.compress(b"one line\n" + raw),
    }
    for before in range(3):
        inside = b"x" * before + raw + b"yz"
        found[f"base64 after {before} bytes"] = base64.b64encode(inside)
        found[f"base64url after {before} bytes"] = base64.urlsafe_b64encode(inside)
    return found
