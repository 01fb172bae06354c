"""Send requests as a load generator does, through Locust's fast client, with certificates verified."""

import re
import socket
import ssl
import time
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlencode, urlsplit

import gevent
import httpx2
from gevent.resolver.thread import Resolver
from locust.contrib.fasthttp import FastHttpSession

from seatrial.probes.http import HttpAnswer
from seatrial.probes.text import without_queries
from seatrial.profile import Profile

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|(?<=/)[A-Za-z0-9_-]{20,}")


def trusting(profile: Profile) -> Callable[..., ssl.SSLContext]:
    """Return what makes TLS contexts that verify names and chains, against the profile's authority if it names one."""

    def context(cafile: str | None = None) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(profile.ca) if profile.ca else cafile)

    return context


def resolve_as(profile: Profile) -> None:
    """Let names of the profile lead to the addresses that it gives them, in this process."""
    gevent.get_hub().resolver = _Names(profile.resolve)


class _Names(Resolver):  # type: ignore[misc] # gevent has no types
    """Looks in a table first."""

    def __init__(self, known: Mapping[str, str]) -> None:
        super().__init__()
        self._known = known

    def getaddrinfo(self, host: Any, *args: Any, **kwargs: Any) -> Any:
        """Resolve a name."""
        text = host.decode() if isinstance(host, bytes) else host
        return super().getaddrinfo(self._known.get(text, host), *args, **kwargs)


class LoadHttp:
    """The product's client's transport: named URLs ("api:/v1/...") lead to the profile's hosts."""

    def __init__(self, session: FastHttpSession, urls: Mapping[str, str]) -> None:
        self._session, self._urls = session, urls

    def request(
        self,
        method: str,
        url: str,
        *,
        json: Any = None,
        data: bytes | str | dict[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        via: str | None = None,
        timeout_s: float = 10.0,
    ) -> HttpAnswer:
        """Send one request and return its answer; what takes longer than `timeout_s`, its body included, is none."""
        if via is not None:
            raise ValueError("load goes through the public hosts")
        sent = dict(headers or {})
        if isinstance(data, dict):
            data = urlencode(data)
            sent.setdefault("Content-Type", "application/x-www-form-urlencoded")
        started = time.perf_counter()
        with (
            gevent.Timeout(timeout_s) as limit,
            self._session.request(
                method,
                self._full(url),
                name=self._template(url),
                data=data,  # type: ignore[arg-type] # bytes are sent as they are
                json=json,
                headers=sent,
                catch_response=True,
            ) as answer,
        ):
            error = answer.request_meta["exception"]
            elapsed_s = time.perf_counter() - started
            status = answer.status_code or None
            if error is limit or isinstance(error, socket.timeout):
                status, said = None, f"timed out after {elapsed_s:.1f} s"
            elif status is None or answer.content is None:
                status, said = None, without_queries(f"{type(error).__name__}: {error}")
            else:
                said = ""
            return HttpAnswer(
                method,
                url,
                status,
                httpx2.Headers(list((answer.headers or {}).items())),
                answer.content or b"",
                elapsed_s,
                said or None,
            )

    def _full(self, url: str) -> str:
        name, colon, path = url.partition(":")
        return self._urls[name] + path if colon and name in self._urls else url

    def _template(self, url: str) -> str:
        """Name a request as Locust's own table shows it: by its route, without what is secret or differs."""
        name, _, path = url.partition(":")
        if name in self._urls:
            return f"{name}:{_UUID.sub('{id}', path.partition('?')[0])}"
        host = urlsplit(url).hostname
        known = next((each for each, base in self._urls.items() if urlsplit(base).hostname == host), host)
        return f"{known}:object"
