"""Ask the api: every instance of it, within a time limit, and never the same thing twice unless that is harmless."""

import secrets
import ssl
import time
from contextlib import AbstractContextManager
from functools import cache
from typing import Any

import httpx2

from system.common import tracing
from system.common.logging import get_logger, request_id

__all__ = ["Api", "ApiUnavailable", "detail"]

TIMEOUT = httpx2.Timeout(5.0, connect=1.0, pool=2.0)
# As long as the ingress waits for what copies, reads or removes whole objects.
THOROUGH_TIMEOUT = httpx2.Timeout(100.0, connect=1.0, pool=2.0)
EVENTS_TIMEOUT = httpx2.Timeout(60.0, connect=1.0, pool=2.0)
LIMITS = httpx2.Limits(max_connections=64, max_keepalive_connections=16, keepalive_expiry=30.0)
AVOID_S = 5.0  # how long an instance that did not answer is asked last

log = get_logger("frontend.api")


class ApiUnavailable(Exception):  # noqa: N818 - what the reader is told
    """No instance of the api answered."""


@cache
def _authorities() -> ssl.SSLContext:
    # Reading the authorities takes a tenth of a second, and every client would do it again.
    return httpx2.create_ssl_context(trust_env=False)


class Instance:
    """One instance of the api and when it may be asked first again; what lasts takes no connection from the pages or the probe."""

    def __init__(self, url: str) -> None:
        self.url, self.avoid_until_s = url, 0.0
        self.http, self.thorough, self.streams, self.probes = self.clients = tuple(
            httpx2.AsyncClient(base_url=url, timeout=timeout, limits=LIMITS, trust_env=False, verify=_authorities())
            for timeout in (TIMEOUT, THOROUGH_TIMEOUT, EVENTS_TIMEOUT, TIMEOUT)
        )


class Api:
    """Share the instances of the api evenly, and go on with the next one when one is lost."""

    def __init__(self, urls: tuple[str, ...]) -> None:
        self._instances = [Instance(url) for url in urls]
        self._turn = 0

    async def close(self) -> None:
        """Close every connection."""
        for instance in self._instances:
            for client in instance.clients:
                await client.aclose()

    async def call(
        self,
        method: str,
        path: str,
        *,
        token: str = "",
        client: str = "",
        headers: dict[str, str] | None = None,
        repeatable: bool = True,
        thorough: bool = False,
        **body: Any,
    ) -> httpx2.Response:
        """Make one request and return the answer, whatever its status; raises ApiUnavailable.

        Args:
            method: GET, POST, ...
            path: below the instance's URL.
            token: the caller's access token.
            client: the address of the browser, for the api's throttle.
            headers: more of them.
            repeatable: may be sent to a second instance although the first may have acted on it.
            thorough: copies, reads or removes whole objects: a second instance is not asked when the first was not done in
                time, since it would have to do it all over, or to wait for the first.
            body: `json`, `content` or `params`, as httpx takes them.

        """
        sent = {**_context(token, client), **(headers or {})}
        for instance in self._order():
            try:
                with _asking(method, instance) as span:
                    http = instance.thorough if thorough else instance.http
                    response = await http.request(method, path, headers={**sent, **_trace()}, **body)
                    span.set_attribute("http.response.status_code", response.status_code)
                    return response
            except httpx2.PoolTimeout:
                self._full(instance)
            except httpx2.TransportError as error:
                self._lost(instance, error)
                if isinstance(error, httpx2.ConnectError | httpx2.ConnectTimeout):
                    continue
                if not repeatable or (thorough and isinstance(error, httpx2.TimeoutException)):
                    break
        raise ApiUnavailable

    async def open(self, path: str, *, token: str, client: str) -> httpx2.Response:
        """Begin a stream of events, which the caller closes; raises ApiUnavailable."""
        sent = _context(token, client)
        for instance in self._order():
            try:
                with _asking("GET", instance) as span:
                    headers = {**sent, **_trace()}
                    request = instance.streams.build_request("GET", path, headers=headers)
                    response = await instance.streams.send(request, stream=True)
                    span.set_attribute("http.response.status_code", response.status_code)
                    return response
            except httpx2.PoolTimeout:
                self._full(instance)
            except httpx2.TransportError as error:
                self._lost(instance, error)
        raise ApiUnavailable

    async def probe(self) -> None:
        """Return when an instance lives; raises ApiUnavailable.

        Liveness, not readiness: with its database away the api still answers, and our pages can say what is wrong.
        """
        for instance in self._order():
            try:
                if (await instance.probes.get("/livez")).status_code == 200:
                    return
            except httpx2.TransportError as error:
                self._lost(instance, error)
        raise ApiUnavailable

    def _order(self) -> list[Instance]:
        self._turn += 1
        start, now_s = self._turn % len(self._instances), time.monotonic()
        turned = self._instances[start:] + self._instances[:start]
        return sorted(turned, key=lambda instance: instance.avoid_until_s > now_s)

    @staticmethod
    def _full(instance: Instance) -> None:
        log.warning("no connection is free", extra={"dependency": instance.url})

    @staticmethod
    def _lost(instance: Instance, error: httpx2.TransportError) -> None:
        instance.avoid_until_s = time.monotonic() + AVOID_S
        log.warning("api instance lost", extra={"dependency": instance.url, "reason": type(error).__name__})


def _asking(method: str, instance: Instance) -> AbstractContextManager[tracing.Span]:
    """Measure one request; a repetition at another instance is one of its own."""
    url = instance.http.base_url
    about: dict[str, str | int] = {
        "http.request.method": method,
        "server.address": url.host,
        "server.port": url.port or 443,
    }
    return tracing.span(method, tracing.SpanKind.CLIENT, about)


def _trace() -> dict[str, str]:
    """Give the header by which the api goes on with the trace."""
    traceparent = tracing.traceparent()
    return {"traceparent": traceparent} if traceparent else {}


def _context(token: str, client: str) -> dict[str, str]:
    headers = {"X-Request-Id": request_id.get() or secrets.token_hex(16)}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    if client:
        headers["X-Forwarded-For"] = client
    return headers


def detail(response: httpx2.Response) -> str:
    """Return what the api's problem document says to the caller, one sentence."""
    try:
        problem = response.json()
        said = problem["detail"]
    except (ValueError, KeyError, TypeError):
        return "The service could not do that."
    wrong = [f"{item['location'].removeprefix('body.')}: {item['message']}" for item in problem.get("errors", [])]
    return " ".join([str(said), *(f"{line}." for line in wrong)])
