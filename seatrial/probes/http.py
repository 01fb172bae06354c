"""HTTP as it was answered: status, headers and body, or the one line that says why there is none."""

import hashlib
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

import httpx2

from seatrial.errors import Failure
from seatrial.probes.text import describe, one_line, without_queries
from seatrial.probes.wire import BUDGET, Budget
from seatrial.scope import Meter

Headers = Mapping[str, str] | Sequence[tuple[str, str | bytes]]
Enough = Callable[[httpx2.Headers, bytes], bool]

READS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
_PRINTABLE = "".join(chr(code) for code in range(0x21, 0x7F))
_PACE_S = 0.02
_CALLERS_FAULT = (httpx2.UnsupportedProtocol, httpx2.LocalProtocolError)


@dataclass(frozen=True, repr=False)
class HttpAnswer:
    """One exchange; as text it shows no value of the URL's query.

    Attributes:
        status: the status code; None when no complete answer came.
        headers: case-insensitive; `headers.get_list(name)` for repeated ones.
        body: the bytes as sent, content encoding included; what came so far when the answer broke off.
        elapsed_s: from the call to the last byte.
        error: one line when no complete answer came; None otherwise.
        closed: the other side closed or reset the connection in the place of an answer.
    """

    method: str
    url: str
    status: int | None
    headers: httpx2.Headers
    body: bytes
    elapsed_s: float
    error: str | None
    closed: bool = False

    @property
    def text(self) -> str:
        """The body as UTF-8; bytes that are none become replacement characters."""
        return self.body.decode("utf-8", "replace")

    def json(self) -> Any:
        """Return the body as JSON; raises Failure when it is none, since that is the answerer's fault."""
        try:
            return json.loads(self.body)
        except ValueError:
            said = one_line(without_queries(self.text))
            raise Failure(f"a JSON body from {self.asked}", f"{self}: {said!r}") from None

    @property
    def asked(self) -> str:
        """The method and the URL, as they are shown."""
        return f"{self.method} {without_queries(self.url)}"

    def __str__(self) -> str:
        if self.error is not None:
            return f"{self.asked}: no answer: {self.error}"
        return f"{self.asked}: {self.status} ({len(self.body)} bytes in {self.elapsed_s:.3f} s)"

    __repr__ = __str__


@dataclass(frozen=True)
class HttpStream:
    """An answer whose body is still coming; `lines` raises Failure when it breaks off or the deadline passes."""

    status: int | None
    headers: httpx2.Headers
    lines: Iterator[str]
    error: str | None


@dataclass(frozen=True)
class Download:
    """A body that was read at leisure; `error` is one line when it did not come whole."""

    status: int | None
    size: int
    sha256: str
    elapsed_s: float
    error: str | None


def request(
    client: httpx2.Client,
    method: str,
    url: str,
    *,
    meter: Meter,
    headers: Headers | None = None,
    content: bytes | None = None,
    timeout_s: float = 5.0,
    enough: Enough | None = None,
) -> HttpAnswer:
    """Make one exchange and return the answer; the path and query of `url` go out byte by byte as written.

    A body that need not be read to its end is left when `enough` says so of what came so far. `timeout_s` bounds the whole exchange.
    A read that met a kept connection which the server had just closed is sent once more on a new one (RFC 9110, section 9.2.2).
    Raises only for a request that cannot be expressed.
    """
    started = time.monotonic()
    budget = Budget(started + timeout_s, meter)
    while True:
        opened = budget.opened
        status, seen, body, error = _exchange(client, _build(client, method, url, headers, content), budget, enough)
        stale = isinstance(error, httpx2.NetworkError | httpx2.RemoteProtocolError) and budget.opened == opened
        if not (stale and status is None and method.upper() in READS and not body):
            break
    text = None if error is None else _why(error, timeout_s, status, kept=budget.opened == opened)
    closed = status is None and _is_closing(error)
    return HttpAnswer(method, url, None if error else status, seen, body, time.monotonic() - started, text, closed)


def _why(error: httpx2.HTTPError, timeout_s: float, status: int | None, *, kept: bool = False) -> str:
    """Tell what broke an exchange off, and of a timeout in which stage of the exchange the time was over."""
    if not isinstance(error, httpx2.TimeoutException):
        return describe(error)
    if isinstance(error, httpx2.ConnectTimeout):
        stage = "while connecting"
    elif status is not None:
        stage = f"amid the body of a {status}"
    else:
        stage = "while sending" if isinstance(error, httpx2.WriteTimeout) else "waiting for the answer"
        stage += " on a kept connection" * kept
    return f"timed out after {timeout_s:g} s {stage}"


def _is_closing(error: httpx2.HTTPError | None) -> bool:
    """Tell the end of a connection that stood from what is garbled, late, or was never connected."""
    silent = isinstance(error, httpx2.RemoteProtocolError) and "disconnected" in str(error)
    return silent or isinstance(error, httpx2.ReadError | httpx2.WriteError)


@contextmanager
def stream(
    client: httpx2.Client,
    method: str,
    url: str,
    *,
    meter: Meter,
    headers: Headers | None = None,
    timeout_s: float = 30.0,
) -> Iterator[HttpStream]:
    """Open an answer and read it line by line, within `timeout_s` for all of it."""
    asked = _build(client, method, url, headers, None)
    token = BUDGET.set(Budget(time.monotonic() + timeout_s, meter))
    meter.add(requests=1)
    try:
        answer = client.send(asked, stream=True)
    except _CALLERS_FAULT:
        raise
    except httpx2.HTTPError as error:
        yield HttpStream(None, httpx2.Headers(), iter(()), _why(error, timeout_s, None))
    else:
        try:
            yield HttpStream(answer.status_code, answer.headers, _lines(answer, url, timeout_s), None)
        finally:
            answer.close()
    finally:
        BUDGET.reset(token)


def download(
    client: httpx2.Client,
    url: str,
    *,
    meter: Meter,
    seconds: float,
    headers: Headers | None = None,
    timeout_s: float = 30.0,
) -> Download:
    """GET a body as a client does that takes `seconds` for it, and return what came of it, less the bytes."""
    started, content, size = time.monotonic(), hashlib.sha256(), 0
    status, error = None, None
    token = BUDGET.set(Budget(started + timeout_s, meter))
    meter.add(requests=1)
    try:
        answer = client.send(_build(client, "GET", url, headers, None), stream=True)
        try:
            status, whole = answer.status_code, int(answer.headers.get("content-length") or 0)
            for part in answer.iter_raw():
                content.update(part)
                size += len(part)
                early_s = started + seconds * size / whole - time.monotonic() if whole else 0.0
                if early_s > _PACE_S:
                    time.sleep(early_s)
        finally:
            answer.close()
    except _CALLERS_FAULT:
        raise
    except httpx2.HTTPError as problem:
        error = _why(problem, timeout_s, status)
    finally:
        BUDGET.reset(token)
    return Download(status, size, content.hexdigest(), time.monotonic() - started, error)


def _lines(answer: httpx2.Response, url: str, timeout_s: float) -> Iterator[str]:
    try:
        yield from answer.iter_lines()
    except httpx2.HTTPError as error:
        raise Failure(
            f"the stream of {without_queries(url)} to go on", _why(error, timeout_s, answer.status_code)
        ) from None


def _build(
    client: httpx2.Client, method: str, url: str, headers: Headers | None, content: bytes | None
) -> httpx2.Request:
    parts = urlsplit(url)
    rest = url.partition("://")[2]
    target = rest[len(parts.netloc) :].partition("#")[0] or "/"
    raw = quote(target if target.startswith("/") else "/" + target, safe=_PRINTABLE).encode()
    return client.build_request(
        method,
        f"{parts.scheme}://{parts.netloc}/",
        headers=headers if headers is None or isinstance(headers, Mapping) else [_raw(*pair) for pair in headers],
        content=content,
        extensions={"target": raw},
    )


def _raw(name: str, value: str | bytes) -> tuple[bytes, bytes]:
    return name.encode("latin-1"), value if isinstance(value, bytes) else value.encode()


def _exchange(
    client: httpx2.Client, asked: httpx2.Request, budget: Budget, enough: Enough | None
) -> tuple[int | None, httpx2.Headers, bytes, httpx2.HTTPError | None]:
    token = BUDGET.set(budget)
    budget.meter.add(requests=1, writes=0 if asked.method.upper() in READS else 1)
    status, headers, body = None, httpx2.Headers(), bytearray()
    try:
        answer = client.send(asked, stream=True)
        try:
            status, headers = answer.status_code, answer.headers
            for part in answer.iter_raw():
                body += part
                if enough and enough(headers, bytes(body)):
                    break
        finally:
            answer.close()
    except _CALLERS_FAULT:
        raise
    except httpx2.HTTPError as error:
        return status, headers, bytes(body), error
    else:
        return status, headers, bytes(body), None
    finally:
        BUDGET.reset(token)
