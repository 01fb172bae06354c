"""Find secrets in bytes, however they were written down: what a log, a page or a report must not hold."""

import contextlib
import zlib
from collections.abc import Mapping

from seatrial.secrecy.redaction import forms, values

SHORTEST = 8
"""A value, or one of its forms, with fewer characters would be found by chance."""

_GZIP = b"\x1f\x8b\x08"
_MOST_UNPACKED = 64 << 20


class Finder:
    """Knows secrets by name, and looks for each as it is, in JSON, URLs, markup, hexadecimal, base64 of every alignment, packed or not.

    Args:
        secrets: name -> value; of a JSON document each long value in it is one, and a key in hexadecimal is bytes too.
    """

    def __init__(self, secrets: Mapping[str, str]) -> None:
        self._forms: dict[bytes, str] = {}
        for name, text in secrets.items():
            for value in (each for each in values(text) if len(each) >= SHORTEST):
                for form in forms(value):
                    if len(form) >= SHORTEST:
                        self._forms[form.encode()] = name if form == value else f"{name} (encoded)"

    def find(self, data: bytes) -> list[str]:
        """Return the names of the secrets that the bytes hold, or what gzip packed into them; never a value."""
        data = unpacked(data)
        return sorted({name for form, name in self._forms.items() if form in data})


def unpacked(data: bytes) -> bytes:
    """Return the bytes, and after them the content of every gzip member that they hold, up to 64 MiB of each."""
    found = [data]
    start = data.find(_GZIP)
    while start >= 0:
        with contextlib.suppress(zlib.error):  # three bytes that gzip did not write
            found.append(zlib.decompressobj(wbits=16 + zlib.MAX_WBITS).decompress(data[start:], _MOST_UNPACKED))
        start = data.find(_GZIP, start + 1)
    return b"\n".join(found)
