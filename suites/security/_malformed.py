"""Requests that no client should send, each followed by a harmless one, and what RFC 9112 lets a server do with them."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from seatrial.probes.raw import RawExchange

FIRST, SMUGGLED, FOLLOW = "first", "smuggled", "follow"


class Allowed(StrEnum):
    """What may come of a request."""

    REFUSAL = "refused, and the connection closed"
    REFUSED = "refused"
    EITHER = "refused, or answered in its place"
    CHUNKED = "refused, or read by its chunks and answered in its place"


@dataclass(frozen=True)
class Malformed:
    """Bytes of one connection: the request in question and one after it; ids stand in their X-Request-Id."""

    name: str
    data: bytes
    allowed: Allowed


def malformed(host: str, post: str, mark: str) -> Iterator[Malformed]:
    """Return all of them for one host; `post` is a path that takes POST, `mark` makes the ids unique."""
    of = _Requests(host, post, mark)
    yield from _lengths(of)
    yield from _codings(of)
    yield from _chunks(of)
    yield from _lines(of)
    yield from _request_lines(of)


class _Requests:
    """Writes requests to one host."""

    def __init__(self, host: str, post: str, mark: str) -> None:
        self.host = f"Host: {host}\r\n".encode()
        self.first = self.host + f"X-Request-Id: {mark}.{FIRST}\r\n".encode()
        self.smuggled = b"GET /livez HTTP/1.1\r\n" + self.host + f"X-Request-Id: {mark}.{SMUGGLED}\r\n\r\n".encode()
        self.follow = b"GET /livez HTTP/1.1\r\n" + self.host + f"X-Request-Id: {mark}.{FOLLOW}\r\n\r\n".encode()
        self.post_line = f"POST {post} HTTP/1.1\r\n".encode()

    def post(self, name: str, headers: bytes, body: bytes, allowed: Allowed = Allowed.REFUSAL) -> Malformed:
        """Give a POST with these headers, its body, and the request after it."""
        kind = b"Content-Type: application/json\r\n"
        return Malformed(name, self.post_line + self.first + kind + headers + b"\r\n" + body + self.follow, allowed)

    def get(
        self, name: str, headers: bytes = b"", line: bytes = b"GET /livez HTTP/1.1", allowed: Allowed = Allowed.REFUSED
    ) -> Malformed:
        """Give a request without body."""
        return Malformed(name, line + b"\r\n" + self.first + headers + b"\r\n" + self.follow, allowed)


def _length(body: bytes) -> bytes:
    return b"Content-Length: %d\r\n" % len(body)


def _lengths(of: _Requests) -> Iterator[Malformed]:
    """RFC 9112, 6.3: lengths that differ or are none are an error that cannot be recovered from."""
    twice = b"Content-Length: 0\r\n" + _length(of.smuggled)
    yield of.post("two lengths", twice, of.smuggled)
    yield of.post("two lengths in one field", b"Content-Length: 0, %d\r\n" % len(of.smuggled), of.smuggled)
    yield of.post("one length twice", b"Content-Length: 2\r\nContent-Length: 2\r\n", b"{}", Allowed.EITHER)
    for name, value in (
        ("a plus", b"+2"),
        ("a minus", b"-2"),
        ("hexadecimal", b"0x2"),
        ("a fraction", b"2.0"),
        ("words", b"two"),
        ("a space inside", b"2 2"),
        ("underscores", b"1_0"),
        ("more than 64 bits", b"9" * 30),
    ):
        yield of.post(f"a length with {name}", b"Content-Length: " + value + b"\r\n", b"{}")


def _codings(of: _Requests) -> Iterator[Malformed]:
    """RFC 9112, 6.1 and 6.3: length and coding together, and codings that one end knows and the other does not."""
    chunked = b"0\r\n\r\n" + of.smuggled
    both = b"Transfer-Encoding: chunked\r\n"
    yield of.post("length and chunks, the length longer", _length(chunked) + both, chunked, Allowed.CHUNKED)
    inside = b"%x\r\n" % len(of.smuggled) + of.smuggled + b"\r\n0\r\n\r\n"
    yield of.post("length and chunks, the length shorter", b"Content-Length: 4\r\n" + both, inside, Allowed.EITHER)
    for name, field, allowed in (
        ("a tab before", b"Transfer-Encoding:\tchunked", Allowed.CHUNKED),
        ("a fold before", b"Transfer-Encoding:\r\n chunked", Allowed.CHUNKED),
        ("capitals", b"TRANSFER-ENCODING: CHUNKED", Allowed.CHUNKED),
        ("a space before the colon", b"Transfer-Encoding : chunked", Allowed.REFUSAL),
        ("a vertical tab before", b"Transfer-Encoding: \x0bchunked", Allowed.REFUSAL),
        ("another word", b"Transfer-Encoding: xchunked", Allowed.REFUSAL),
        ("identity", b"Transfer-Encoding: identity", Allowed.REFUSAL),
        ("identity behind it", b"Transfer-Encoding: chunked, identity", Allowed.REFUSAL),
        ("a second field", b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity", Allowed.REFUSAL),
        ("a quoted word", b'Transfer-Encoding: "chunked"', Allowed.REFUSAL),
    ):
        yield of.post(f"length, and a coding with {name}", _length(chunked) + field + b"\r\n", chunked, allowed)


def _chunks(of: _Requests) -> Iterator[Malformed]:
    """RFC 9112, 7.1: chunks that are none."""
    coding = b"Transfer-Encoding: chunked\r\n"
    for name, body in (
        ("words", b"zz\r\n{}\r\n0\r\n\r\n"),
        ("a prefix", b"0x2\r\n{}\r\n0\r\n\r\n"),
        ("a minus", b"-2\r\n{}\r\n0\r\n\r\n"),
        ("a space before", b" 2\r\n{}\r\n0\r\n\r\n"),
        ("more than 64 bits", b"fffffffffffffffff\r\n{}\r\n0\r\n\r\n"),
        ("bare line feeds", b"2\n{}\n0\n\n"),
        ("a line feed in its extension", b"2;a\n=b\r\n{}\r\n0\r\n\r\n"),
    ):
        yield of.post(f"a chunk size with {name}", coding, body)
    yield of.post("a chunk longer than its size", coding, b"2\r\n{}xx\r\n0\r\n\r\n")
    yield of.post("a chunk extension", coding, b"2;a=b\r\n{}\r\n0\r\n\r\n", Allowed.EITHER)
    yield of.post("a trailer", coding, b"2\r\n{}\r\n0\r\nX-Request-Id: trailer\r\n\r\n", Allowed.EITHER)


def _lines(of: _Requests) -> Iterator[Malformed]:
    """RFC 9112, 2.2, 3.2 and 5; RFC 9110, 5.5: lines and names that some read as others."""
    yield of.get("a zero byte in a value", b"X-A: b\x00c\r\n")
    yield of.get("a carriage return in a value", b"X-A: b\rX-B: c\r\n")
    yield of.get("a space before a colon", b"X-A : b\r\n")
    yield of.get("a line without a colon", b"X-A\r\n")
    yield of.get("a header without a name", b": b\r\n")
    yield of.get("a folded line", b"X-A: b\r\n c\r\n", allowed=Allowed.EITHER)
    yield of.get("a second host", b"Host: attacker.example\r\n")
    lines = b"GET /livez HTTP/1.1\r\n" + of.first
    yield Malformed("bare line feeds", lines.replace(b"\r\n", b"\n") + b"\n" + of.follow, Allowed.EITHER)
    no_host = b"GET /livez HTTP/1.1\r\n" + of.first.removeprefix(of.host)
    yield Malformed("no host", no_host + b"\r\n" + of.follow, Allowed.REFUSED)
    yield of.get("a body of a GET", _length(of.smuggled) + b"\r\n" + of.smuggled[:-2], allowed=Allowed.EITHER)
    yield of.get("a header of 64 KB", b"X-A: " + b"a" * 65_536 + b"\r\n")
    yield of.get("thousands of headers", b"X-A: bcdefgh\r\n" * 6000)


def _request_lines(of: _Requests) -> Iterator[Malformed]:
    """RFC 9112, 3: methods, targets and versions."""
    for name, line, allowed in (
        ("no version", b"GET /livez", Allowed.REFUSED),
        ("version 2.0", b"GET /livez HTTP/2.0", Allowed.REFUSED),
        ("a version of letters", b"GET /livez HTTP/x.y", Allowed.REFUSED),
        ("version 1.9", b"GET /livez HTTP/1.9", Allowed.EITHER),
        ("another protocol", b"GET /livez ICE/1.1", Allowed.REFUSED),
        ("a method that is no token", b"G(T /livez HTTP/1.1", Allowed.REFUSED),
        ("an unknown method", b"BREW /livez HTTP/1.1", Allowed.REFUSED),
        ("TRACE", b"TRACE /livez HTTP/1.1", Allowed.REFUSED),
        ("CONNECT", b"CONNECT 127.0.0.1:22 HTTP/1.1", Allowed.REFUSED),
        ("a method of 16 KB", b"A" * 16_384 + b" /livez HTTP/1.1", Allowed.REFUSED),
        ("a target of 100 KB", b"GET /" + b"a" * 102_400 + b" HTTP/1.1", Allowed.REFUSED),
        ("a space in the target", b"GET /liv ez HTTP/1.1", Allowed.REFUSED),
        ("a zero byte in the target", b"GET /livez\x00 HTTP/1.1", Allowed.REFUSED),
        ("a byte beyond ASCII in the target", b"GET /livez\xff HTTP/1.1", Allowed.REFUSED),
        ("a star for a target", b"GET * HTTP/1.1", Allowed.REFUSED),
        ("no slash before the target", b"GET livez HTTP/1.1", Allowed.REFUSED),
    ):
        yield of.get(name, line=line, allowed=allowed)


def wrong(case: Malformed, mark: str, exchange: RawExchange) -> str:
    """Return what is wrong with the answers to a case, or an empty text."""
    first, smuggled, follow = (f"{mark}.{part}" for part in (FIRST, SMUGGLED, FOLLOW))
    chunked = case.allowed is Allowed.CHUNKED
    order = [first, *([smuggled] if chunked else []), follow]
    ids = [answer.headers.get("x-request-id", "") for answer in exchange.answers]
    named = [each for each in ids if each in order]
    statuses = [answer.status for answer in exchange.answers]
    foreign = [each for each, status in zip(ids, statuses, strict=True) if each not in order and status < 400]
    refused = case.allowed in {Allowed.REFUSAL, Allowed.REFUSED}
    # A 400 to what is left of the bytes, and the end, is no answer to a request.
    reused = follow in ids or any(status != 400 for status in statuses[1:]) or not exchange.closed
    troubles = {
        "nobody took the connection any more": not exchange.connected,
        "a request was answered that stood inside another one": smuggled in ids and not chunked,
        f"answers out of order, {named}": named != sorted(set(named), key=order.index),
        f"an answer that belongs to none of these requests, {foreign}": bool(foreign),
        "an error of the server": any(status >= 500 and status not in {501, 505} for status in statuses),
        "neither an answer nor an end": not statuses and not exchange.closed and case.allowed is not Allowed.EITHER,
        "it was answered": refused and bool(statuses) and statuses[0] < 400,
        "the connection was used again after it": case.allowed is Allowed.REFUSAL and bool(statuses) and reused,
    }
    trouble = next((name for name, found in troubles.items() if found), None)
    return f"{trouble}: {exchange}" if trouble else ""
