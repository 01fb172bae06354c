"""HTTP/1.1 byte by byte: what no well-behaved client sends, and every answer that comes back on the connection."""

import http.client
import io
import socket
import ssl
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from seatrial.probes.secure import closing
from seatrial.probes.text import describe
from seatrial.scope import Meter

Send = bytes | float
_READ_BYTES = 65_536


@dataclass(frozen=True)
class RawAnswer:
    """One complete answer; header names are in small letters, of repeated ones the values are joined by a comma."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)


@dataclass(frozen=True)
class RawExchange:
    """What came of one connection.

    Attributes:
        answers: the complete final answers, in the order in which they came.
        rest: what came behind them and is no complete answer.
        connected: there was a connection; without one nothing was asked, so that nothing was refused either.
        closed: the other side ended the connection.
        error: one line when there was no connection, or it was reset; None otherwise.
        elapsed_s: from the connection to its end, or until nobody waited any more.
    """

    answers: tuple[RawAnswer, ...]
    rest: bytes = field(repr=False)
    connected: bool
    closed: bool
    error: str | None
    elapsed_s: float

    def __str__(self) -> str:
        said = ", ".join(str(answer.status) for answer in self.answers) or "no answer"
        ended = self.error or ("closed" if self.closed else "still open")
        return f"{said}; {ended} after {self.elapsed_s:.1f} s" + (f"; then {self.rest[:60]!r}" if self.rest else "")


def exchange(
    address: tuple[str, int],
    sends: Iterable[Send],
    *,
    methods: Sequence[str],
    meter: Meter,
    tls: tuple[str, Path | None] | None = None,
    read_bytes_per_s: float | None = None,
    patience_s: float = 2.0,
    within_s: float = 10.0,
) -> RawExchange:
    """Send the bytes as they are and read until every answer is there, the connection ends, or nobody waits any more.

    Args:
        address: where to connect.
        sends: bytes to send, and seconds to pause in between (answers are read meanwhile, and end the sending).
        methods: of the requests in the bytes, in order: answers to HEAD have no body.
        meter: counts connection, requests and bytes.
        tls: host name and authority to verify it by (None: the machine's roots); None speaks in clear.
        read_bytes_per_s: read no faster than that, as a slow reader does.
        patience_s: how long to wait for more after the last byte of a whole answer, or without any byte at all.
        within_s: the end of everything.
    """
    started = time.monotonic()
    deadline = started + within_s
    meter.add(connections=1, requests=len(methods))
    received = bytearray()
    try:
        connection = _connect(address, tls, within_s, read_bytes_per_s)
    except OSError as error:
        took_s = time.monotonic() - started
        return RawExchange((), b"", connected=False, closed=False, error=describe(error), elapsed_s=took_s)
    closed, error_line = False, None
    with connection:
        try:
            for each in sends:
                if isinstance(each, float):
                    until = min(time.monotonic() + each, deadline)
                    closed = _read(connection, received, until, lambda: _complete(received, methods), read_bytes_per_s)
                else:
                    connection.settimeout(max(0.01, deadline - time.monotonic()))
                    connection.sendall(each)
                    meter.add(bytes_sent=len(each))
                if closed or time.monotonic() >= deadline or _complete(received, methods):
                    break
            while not closed and time.monotonic() < deadline:
                before = len(received)
                until = min(time.monotonic() + patience_s, deadline)
                closed = _read(connection, received, until, lambda: _complete(received, methods), read_bytes_per_s)
                if len(received) == before or _complete(received, methods):
                    break
        except OSError as error:
            closed, error_line = True, describe(error)
    meter.add(bytes_received=len(received))
    answers, rest = parse(bytes(received), methods, closed=closed)
    took_s = time.monotonic() - started
    return RawExchange(answers, rest, connected=True, closed=closed, error=error_line, elapsed_s=took_s)


def _connect(
    address: tuple[str, int], tls: tuple[str, Path | None] | None, within_s: float, read_bytes_per_s: float | None
) -> socket.socket:
    connection = socket.create_connection(address, within_s)
    if read_bytes_per_s is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    if tls is None:
        return connection
    context = closing(ssl.create_default_context(cafile=str(tls[1]) if tls[1] else None))
    context.set_alpn_protocols(["http/1.1"])
    try:
        return context.wrap_socket(connection, server_hostname=tls[0])
    except OSError:
        connection.close()
        raise


def _read(
    connection: socket.socket, into: bytearray, until: float, done: Callable[[], bool], bytes_per_s: float | None
) -> bool:
    """Read until the moment, or until done; return whether the other side ended the connection."""
    while (left_s := until - time.monotonic()) > 0:
        if bytes_per_s is not None:
            time.sleep(min(left_s, 0.2))
        connection.settimeout(max(0.01, until - time.monotonic()))
        try:
            data = connection.recv(_READ_BYTES if bytes_per_s is None else max(1, int(bytes_per_s * 0.2)))
        except TimeoutError:
            return False
        if not data:
            return True
        into += data
        if done():
            return False
    return False


def _complete(received: bytearray, methods: Sequence[str]) -> bool:
    answers, rest = parse(bytes(received), methods, closed=False)
    return len(answers) >= len(methods) and not rest


class _Shared(io.BytesIO):
    """Bytes of which several answers are read in turn: the standard library closes its file after each."""

    def close(self) -> None:
        pass

    def makefile(self, *_args: object, **_named: object) -> "_Shared":
        return self


def parse(received: bytes, methods: Sequence[str], *, closed: bool) -> tuple[tuple[RawAnswer, ...], bytes]:
    """Take the answers to requests of these methods apart; return the complete ones and what is left.

    Answers beyond the last method are read as answers to GET. Interim answers (1xx) are passed over.
    """
    stream, answers, end = _Shared(received), list[RawAnswer](), 0
    while end < len(received):
        method = methods[len(answers)] if len(answers) < len(methods) else "GET"
        stream.seek(end)
        answer = http.client.HTTPResponse(stream, method=method)  # type: ignore[arg-type]
        try:
            answer.begin()
            ends_by_close = answer.length is None and not answer.chunked
            body = answer.read()
        except (http.client.HTTPException, ValueError):
            break
        if ends_by_close and not closed:
            break
        end = stream.tell()
        headers: dict[str, str] = {}
        for name, value in answer.getheaders():
            headers[name.lower()] = f"{headers[name.lower()]}, {value}" if name.lower() in headers else value
        answers.append(RawAnswer(answer.status, headers, body))
    return tuple(answers), received[end:]
