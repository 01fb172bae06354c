"""The HTTP wire: host names mapped to addresses, every byte counted, one deadline over the whole exchange."""

import ssl
import time
from collections.abc import Iterable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from http.cookiejar import CookieJar, DefaultCookiePolicy
from pathlib import Path
from typing import Any

import httpcore2
import httpx2

from seatrial.probes.secure import closing
from seatrial.scope import Meter


@dataclass
class Budget:
    """What one exchange may still take and what it has cost; `deadline` is on the monotonic clock."""

    deadline: float
    meter: Meter
    opened: int = 0


BUDGET: ContextVar[Budget | None] = ContextVar("seatrial_http_budget", default=None)


def _left(timeout_s: float | None, late: type[Exception]) -> float | None:
    budget = BUDGET.get()
    if budget is None:
        return timeout_s
    left_s = budget.deadline - time.monotonic()
    if left_s <= 0:
        raise late("timed out") from TimeoutError()
    return left_s if timeout_s is None else min(timeout_s, left_s)


def _count(**counts: int) -> None:
    if budget := BUDGET.get():
        budget.meter.add(**counts)


class _Stream(httpcore2.NetworkStream):
    """A connection that counts and that a peer sending one byte at a time cannot hold beyond the deadline."""

    def __init__(self, inner: httpcore2.NetworkStream) -> None:
        self._inner = inner

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        data = self._inner.read(max_bytes, _left(timeout, httpcore2.ReadTimeout))
        _count(bytes_received=len(data))
        return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._inner.write(buffer, _left(timeout, httpcore2.WriteTimeout))
        _count(bytes_sent=len(buffer))

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore2.NetworkStream:
        try:
            left_s = _left(timeout, httpcore2.ConnectTimeout)
            return _Stream(self._inner.start_tls(ssl_context, server_hostname, left_s))
        except Exception:
            self._inner.close()  # the pool forgets a connection that has not come so far
            raise

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


class _Backend(httpcore2.NetworkBackend):
    """Connects to the address that the profile names for a host; names in TLS and HTTP stay the host's."""

    def __init__(self, resolve: Mapping[str, str]) -> None:
        self._resolve = {host.lower(): address for host, address in resolve.items()}
        self._inner = httpcore2.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.NetworkStream:
        address = self._resolve.get(host.lower(), host)
        if budget := BUDGET.get():
            budget.opened += 1
        _count(connections=1)
        left_s = _left(timeout, httpcore2.ConnectTimeout)
        return _Stream(self._inner.connect_tcp(address, port, left_s, local_address, socket_options))

    def connect_unix_socket(
        self, path: str, timeout: float | None = None, socket_options: Iterable[Any] | None = None
    ) -> httpcore2.NetworkStream:
        return self._inner.connect_unix_socket(path, timeout, socket_options)


class _Transport(httpx2.HTTPTransport):
    """httpx2's transport over a pool with the backend above, which its constructor does not offer."""

    def __init__(self, context: ssl.SSLContext, resolve: Mapping[str, str]) -> None:
        super().__init__(verify=context, trust_env=False)
        self._pool = httpcore2.ConnectionPool(
            ssl_context=context,
            max_connections=None,  # whoever calls bounds how many go on at once; nobody waits here, where no deadline is seen
            max_keepalive_connections=20,
            keepalive_expiry=5.0,
            network_backend=_Backend(resolve),
        )


def trust(ca: Path | None) -> ssl.SSLContext:
    """Return a verifying context that trusts `ca` alone, or the machine's roots without one."""
    return closing(ssl.create_default_context(cafile=str(ca) if ca else None))


def client(resolve: Mapping[str, str], ca: Path | None) -> httpx2.Client:
    """Return a client that keeps connections, follows no redirect, keeps no cookie and reads no environment."""
    no_cookies = CookieJar(DefaultCookiePolicy(allowed_domains=[]))
    return httpx2.Client(
        transport=_Transport(trust(ca), resolve),
        headers={"User-Agent": "seatrial", "Accept-Encoding": "identity"},
        cookies=no_cookies,
        follow_redirects=False,
        trust_env=False,
        timeout=None,  # the deadline of each exchange is in BUDGET
    )
