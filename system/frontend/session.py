"""Keep the reader's tokens in cookies that no script can read, and renew them without losing the session."""

import asyncio
import re
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import httpx2
from starlette.requests import Request
from starlette.responses import Response

from system.common.client import Networks, client_address
from system.frontend.api import Api, ApiUnavailable

__all__ = ["Refresher", "Session", "SignedOut", "Tokens", "forget"]

# The prefix makes browsers refuse the cookie unless it is Secure, for this host only, and for every path (RFC 6265bis).
ACCESS = "__Host-access"
REFRESH = "__Host-refresh"
REFRESH_LIFETIME_S = 30 * 24 * 3600
REMEMBERED_S = 30.0
_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]+=*")  # b64token of RFC 6750, section 2.1


class SignedOut(Exception):  # noqa: N818 - what the reader is
    """The request needs a session and there is none (any more)."""


@dataclass(frozen=True)
class Tokens:
    """Hold what the api gave for a session."""

    access: str
    refresh: str
    expires_in_s: int

    @classmethod
    def of(cls, response: httpx2.Response) -> "Tokens":
        """Read them from the api's answer."""
        pair = response.json()
        return cls(pair["access_token"], pair["refresh_token"], int(pair["expires_in_s"]))


class Refresher:
    """Exchange each refresh token exactly once, however many requests arrive with it.

    A page, its events and its playback link can all find the access token expired at the same moment. The api takes a
    second use of a refresh token for theft and closes the session, so all of them must share one exchange; one that was
    under way when it finished gets the same tokens for `REMEMBERED_S`.
    """

    def __init__(self, api: Api) -> None:
        self._api = api
        self._exchanges: dict[str, tuple[float, asyncio.Task[Tokens | None]]] = {}

    async def exchange(self, refresh_token: str, client: str) -> Tokens | None:
        """Return the new tokens, None when the token is not valid; raises ApiUnavailable, also where the api wants to be asked later."""
        now_s = time.monotonic()
        self._exchanges = {key: entry for key, entry in self._exchanges.items() if entry[0] > now_s - REMEMBERED_S}
        if refresh_token not in self._exchanges:
            # A task of its own: the exchange must end even when the request that began it is gone.
            self._exchanges[refresh_token] = (now_s, asyncio.create_task(self._ask(refresh_token, client)))
        entry = self._exchanges[refresh_token]
        try:
            return await asyncio.shield(entry[1])
        except ApiUnavailable:
            if self._exchanges.get(refresh_token) is entry:
                del self._exchanges[refresh_token]
            raise

    async def _ask(self, refresh_token: str, client: str) -> Tokens | None:
        body = {"refresh_token": refresh_token}
        answer = await self._api.call("POST", "/v1/sessions/refresh", json=body, client=client, repeatable=False)
        if answer.status_code == 200:
            return Tokens.of(answer)
        if answer.status_code not in {401, 422}:
            raise ApiUnavailable
        return None


class Session:
    """Ask the api in the name of the reader whose request this is."""

    def __init__(self, request: Request, api: Api, refresher: Refresher, proxies: Networks) -> None:
        self._api, self._refresher = api, refresher
        self._access, self._refresh = _token(request, ACCESS), _token(request, REFRESH)
        self._new: Tokens | None = None
        self._ended = False
        self.client = client_address(request, proxies)

    @property
    def exists(self) -> bool:
        """Whether the browser brought any token."""
        return bool(self._access or self._refresh)

    async def call(self, method: str, path: str, **options: Any) -> httpx2.Response:
        """Make a request to the api; raises SignedOut or ApiUnavailable."""

        async def ask() -> httpx2.Response:
            return await self._api.call(method, path, token=self._access, client=self.client, **options)

        return await self._with_token(ask)

    async def open(self, path: str) -> httpx2.Response:
        """Begin a stream of events, which the caller closes; raises SignedOut or ApiUnavailable."""

        async def ask() -> httpx2.Response:
            return await self._api.open(path, token=self._access, client=self.client)

        return await self._with_token(ask)

    async def sign_in(self, email: str, password: str) -> httpx2.Response:
        """Open a session; the answer is the api's, and `dress` hands out its tokens."""
        body = {"email": email, "password": password}
        answer = await self._api.call("POST", "/v1/sessions", json=body, client=self.client)
        if answer.status_code == 201:
            self._adopt(Tokens.of(answer))
        return answer

    def end(self) -> None:
        """Make `dress` take the tokens from the browser."""
        self._ended = True

    def dress(self, response: Response) -> Response:
        """Give the browser the tokens that are new since its request, or take them."""
        if self._ended:
            return forget(response)
        if self._new:
            _set(response, ACCESS, self._new.access, self._new.expires_in_s)
            _set(response, REFRESH, self._new.refresh, REFRESH_LIFETIME_S)
        return response

    async def _with_token(self, ask: Callable[[], Awaitable[httpx2.Response]]) -> httpx2.Response:
        if not self._access:
            await self._renew()
        answer = await ask()
        if answer.status_code == 401:
            await answer.aclose()
            if self._new:
                raise SignedOut
            await self._renew()
            answer = await ask()
            if answer.status_code == 401:
                await answer.aclose()
                raise SignedOut
        return answer

    async def _renew(self) -> None:
        tokens = await self._refresher.exchange(self._refresh, self.client) if self._refresh else None
        if tokens is None:
            raise SignedOut
        self._adopt(tokens)

    def _adopt(self, tokens: Tokens) -> None:
        self._new, self._access, self._refresh = tokens, tokens.access, tokens.refresh


def _token(request: Request, name: str) -> str:
    """Return the cookie when it can be a token, else nothing: a header could not even hold some of what cookies can."""
    found = _TOKEN.fullmatch(request.cookies.get(name, ""))
    return found[0] if found else ""


def forget(response: Response) -> Response:
    """Take the tokens from the browser."""
    for name in (ACCESS, REFRESH):
        _set(response, name, "", 0)
    return response


def _set(response: Response, name: str, value: str, max_age_s: int) -> None:
    response.set_cookie(name, value, max_age=max_age_s, path="/", secure=True, httponly=True, samesite="lax")
