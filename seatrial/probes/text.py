"""One clear line for whatever went wrong on the wire."""

import re
import socket
import ssl
from collections.abc import Iterator

LIMIT = 300
_HALF_A_WORD = re.compile(r'[^ "]*\Z')  # in JSON a word ends at a quotation mark, too
_QUERY = re.compile(r"""(\b[A-Za-z][A-Za-z0-9+.-]*:/[^\s?"'<>]*)\?[^\s"'<>]*""")


def one_line(text: object) -> str:
    """Return the text on one line, in 300 characters at most: as many whole words as fit, since no redactor would know half a secret."""
    line = " ".join(str(text).split())
    return line if len(line) <= LIMIT else _HALF_A_WORD.sub("…", line[: LIMIT - 1], count=1)


def without_queries(text: object) -> str:
    """Return the text with the place of each URL alone: its query may be a signature that is valid yet, and reports are read by many."""
    return _QUERY.sub(r"\1?…", str(text))


def describe(error: BaseException) -> str:
    """Return what went wrong in the words of a reader, from the deepest cause that says it."""
    for cause in reversed(list(_chain(error))):
        if text := _known(cause):
            return text
    return one_line(error) or type(error).__name__


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: BaseException | None = error
    while seen is not None:
        yield seen
        seen = seen.__cause__ or seen.__context__


def _known(error: BaseException) -> str | None:
    match error:
        case ssl.SSLCertVerificationError():
            text = f"certificate verify failed: {error.verify_message}"
        case ssl.SSLEOFError():
            text = "TLS: closed by the other side during the handshake"
        case ssl.SSLError():
            text = f"TLS: {error.reason or error}"
        case socket.gaierror():
            text = f"name not resolved: {error.strerror}"
        case TimeoutError():
            text = "timed out"
        case ConnectionRefusedError():
            text = "connection refused"
        case ConnectionResetError() | BrokenPipeError():
            text = "connection reset"
        case OSError(strerror=str(reason)):
            text = reason
        case _:
            return None
    return one_line(text)
