"""The HTTP wire for tools that speak through `requests`: Schemathesis, for one."""

from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import Any
from unittest.mock import patch

import httpx2
import requests
from requests.adapters import BaseAdapter, HTTPAdapter
from urllib3 import HTTPHeaderDict, HTTPResponse

from seatrial.errors import HarnessError
from seatrial.probes import http
from seatrial.scope import Meter


class _Wire(BaseAdapter):
    """Sends what a session has prepared over our client, whatever host it is for."""

    def __init__(self, client: httpx2.Client, meter: Meter, timeout_s: float) -> None:
        super().__init__()
        self._client, self._meter, self._timeout_s = client, meter, timeout_s

    def send(self, request: requests.PreparedRequest, *_settings: Any, **_more: Any) -> requests.Response:
        """Make the exchange; raises requests' ConnectionError when no complete answer came."""
        body = request.body.encode() if isinstance(request.body, str) else request.body
        if not isinstance(body, bytes | None):
            raise HarnessError(f"a {type(body).__name__} as the body of a borrowed request")
        try:
            answer = http.request(
                self._client,
                str(request.method),
                str(request.url),
                meter=self._meter,
                headers=[(_text(name), _bytes(value)) for name, value in request.headers.items()],
                content=body,
                timeout_s=self._timeout_s,
                enough=_first_event,
            )
        except httpx2.LocalProtocolError as error:
            raise requests.exceptions.InvalidHeader(str(error), request=request) from error
        if answer.status is None:
            raise requests.exceptions.ConnectionError(answer.error, request=request)
        raw = HTTPResponse(
            body=BytesIO(answer.body),
            headers=HTTPHeaderDict(answer.headers.multi_items()),
            status=answer.status,
            preload_content=False,
            enforce_content_length=False,
        )
        return HTTPAdapter().build_response(request, raw)

    def close(self) -> None:
        """Leave the client to the facet that owns it."""


def _text(value: str | bytes) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else value


def _bytes(value: str | bytes) -> bytes:
    return value if isinstance(value, bytes) else value.encode()


def _first_event(headers: httpx2.Headers, body: bytes) -> bool:
    """Say whether this is an event stream whose first event has come: the rest may never end."""
    return headers.get("content-type", "").startswith("text/event-stream") and b"\n\n" in body


@contextmanager
def carried(client: httpx2.Client, meter: Meter, timeout_s: float) -> Iterator[None]:
    """Send everything that this process sends through `requests` over `client`, whichever session it uses."""
    wire = _Wire(client, meter, timeout_s)
    with patch.object(requests.Session, "get_adapter", lambda *_asked, **_named: wire):
        yield
