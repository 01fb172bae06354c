"""HTTP as a handle offers it: reading at `observe`, everything else from `exercise` on."""

import json as jsonlib
import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any
from urllib.parse import urlencode, urlsplit

import httpx2

from seatrial.errors import HarnessError
from seatrial.probes import http, raw, wire
from seatrial.probes.borrowed import carried
from seatrial.probes.http import Download, Headers, HttpAnswer, HttpStream
from seatrial.probes.raw import RawExchange, Send
from seatrial.scope import Scope

_NAMED = re.compile(r"^([a-z][a-z0-9-]*):(/(?!/).*)$", re.DOTALL)


def shared_client(scope: Scope) -> httpx2.Client:
    """Return this process's client, with the profile's addresses and CA."""
    key = "http"
    if key not in scope.clients:
        # Several threads may come here first at the same time; all must get the same one.
        scope.clients.setdefault(key, wire.client(scope.profile.resolve, scope.profile.ca))
    return scope.clients[key]  # type: ignore[no-any-return]


class ObserveHttp:
    """Requests that change nothing.

    A `url` is absolute or named, "api:/livez", after the profile's [urls]. `via="127.77.0.41:18011"` talks plain HTTP
    straight to that private address, with the path of a named or absolute url.
    """

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    def get(
        self, url: str, *, headers: Headers | None = None, via: str | None = None, timeout_s: float = 5.0
    ) -> HttpAnswer:
        """GET it; no redirect is followed."""
        return self._send("GET", url, headers=headers, via=via, timeout_s=timeout_s)

    def head(
        self, url: str, *, headers: Headers | None = None, via: str | None = None, timeout_s: float = 5.0
    ) -> HttpAnswer:
        """Ask for the headers alone."""
        return self._send("HEAD", url, headers=headers, via=via, timeout_s=timeout_s)

    def options(
        self, url: str, *, headers: Headers | None = None, via: str | None = None, timeout_s: float = 5.0
    ) -> HttpAnswer:
        """Ask what is allowed, as a browser's preflight does."""
        return self._send("OPTIONS", url, headers=headers, via=via, timeout_s=timeout_s)

    def stream(
        self, url: str, *, headers: Headers | None = None, via: str | None = None, timeout_s: float = 30.0
    ) -> AbstractContextManager[HttpStream]:
        """Open an answer that keeps coming (text/event-stream); its `lines` end after `timeout_s` at the latest."""
        return http.stream(
            shared_client(self._scope),
            "GET",
            self.url(url, via),
            meter=self._scope.meter,
            headers=headers,
            timeout_s=timeout_s,
        )

    def download(
        self, url: str, *, seconds: float, headers: Headers | None = None, via: str | None = None, timeout_s: float
    ) -> Download:
        """GET a body as a client does that takes `seconds` for it."""
        return http.download(
            shared_client(self._scope),
            self.url(url, via),
            meter=self._scope.meter,
            seconds=seconds,
            headers=headers,
            timeout_s=timeout_s,
        )

    def url(self, url: str, via: str | None = None) -> str:
        """Return the absolute URL behind a named one; raises HarnessError for a name that the profile has not."""
        urls = self._scope.profile.urls
        named = _NAMED.match(url)
        if named and named[1] not in urls:
            raise HarnessError(
                f"no base URL {named[1]!r} in [urls] of the profile (there are: {', '.join(sorted(urls))})"
            )
        if not named and "://" not in url and not (via and url.startswith("/")):
            raise HarnessError(f'{url!r} is neither absolute nor named like "api:/livez"')
        if via is not None:
            path = named[2] if named else url if url.startswith("/") else "/" + url.split("://", 1)[1].partition("/")[2]
            return f"http://{via}{path}"
        return urls[named[1]] + named[2] if named else url

    def _send(
        self,
        method: str,
        url: str,
        *,
        headers: Headers | None = None,
        content: bytes | None = None,
        via: str | None = None,
        timeout_s: float = 5.0,
    ) -> HttpAnswer:
        return http.request(
            shared_client(self._scope),
            method,
            self.url(url, via),
            meter=self._scope.meter,
            headers=headers,
            content=content,
            timeout_s=timeout_s,
        )


class ExerciseHttp(ObserveHttp):
    """Any request; those that may change something count as writes."""

    def request(
        self,
        method: str,
        url: str,
        *,
        json: Any = None,
        data: bytes | str | dict[str, str] | None = None,
        headers: Headers | None = None,
        via: str | None = None,
        timeout_s: float = 10.0,
    ) -> HttpAnswer:
        """Send any method; `json` is any JSON value but null, `data` raw bytes or text, or the fields of a form."""
        content, kind = _content(json, data)
        sent = list(headers.items() if isinstance(headers, Mapping) else headers or ())
        if kind and not any(name.lower() == "content-type" for name, _ in sent):
            sent.append(("Content-Type", kind))
        return self._send(method, url, headers=sent, content=content, via=via, timeout_s=timeout_s)

    def raw(
        self,
        url: str,
        sends: Iterable[Send],
        *,
        methods: Sequence[str],
        via: str | None = None,
        read_bytes_per_s: float | None = None,
        patience_s: float = 2.0,
        within_s: float = 10.0,
    ) -> RawExchange:
        """Send bytes as they are to the host of `url`, on one connection of their own; see `probes.raw.exchange`."""
        parts = urlsplit(self.url(url, via))
        host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
        profile = self._scope.profile
        return raw.exchange(
            (profile.resolve.get(host, host), port),
            sends,
            methods=methods,
            meter=self._scope.meter,
            tls=(host, profile.ca) if parts.scheme == "https" else None,
            read_bytes_per_s=read_bytes_per_s,
            patience_s=patience_s,
            within_s=within_s,
        )

    def carry_requests(self, timeout_s: float = 10.0) -> AbstractContextManager[None]:
        """Make tools that use the `requests` library use this facet's wire: its addresses, authorities and counters.

        It holds for the whole process, so that a check which asks for it runs alone.
        """
        return carried(shared_client(self._scope), self._scope.meter, timeout_s)

    def post(self, url: str, **request: Any) -> HttpAnswer:
        """POST it; keywords as for `request`."""
        return self.request("POST", url, **request)

    def put(self, url: str, **request: Any) -> HttpAnswer:
        """PUT it; keywords as for `request`."""
        return self.request("PUT", url, **request)

    def patch(self, url: str, **request: Any) -> HttpAnswer:
        """PATCH it; keywords as for `request`."""
        return self.request("PATCH", url, **request)

    def delete(self, url: str, **request: Any) -> HttpAnswer:
        """DELETE it; keywords as for `request`."""
        return self.request("DELETE", url, **request)


def _content(json: Any, data: bytes | str | dict[str, str] | None) -> tuple[bytes | None, str | None]:
    if json is not None and data is not None:
        raise HarnessError("a request has either json or data")
    if json is not None:
        return jsonlib.dumps(json).encode(), "application/json"
    if isinstance(data, dict):
        return urlencode(data).encode(), "application/x-www-form-urlencoded"
    return (data.encode() if isinstance(data, str) else data), None
