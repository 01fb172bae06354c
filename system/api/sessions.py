"""Sign in, refresh, sign out; and find out whose request it is."""

import time
from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from system.api import counters
from system.api.documents import errors
from system.api.models import Credentials, RefreshRequest, TokenPair
from system.api.passwords import password_is_right, turn
from system.api.services import Service, Services
from system.api.throttle import SignInThrottle
from system.api.tokens import (
    ACCESS_LIFETIME_S,
    Claims,
    new_refresh_token,
    read_access_token,
    refresh_digest,
    sign_access_token,
)
from system.common.client import client_address, subscriber
from system.common.logging import get_logger
from system.common.problem import Problem

__all__ = ["Caller", "is_open", "limit_client", "router"]

SESSION_LIFETIME = timedelta(days=30)
CHALLENGE = {"WWW-Authenticate": 'Bearer realm="seatrial"'}

log = get_logger("api.sessions")
router = APIRouter(prefix="/v1/sessions", tags=["sessions"])
bearer = HTTPBearer(auto_error=False, bearerFormat="JWT", description="The access token of a session.")


async def limit_client(request: Request, services: Service) -> str:
    """Count the request for the address that it comes from, and return that."""
    address = client_address(request, services.settings.trusted_proxies)
    await services.limits.take("client", subscriber(address), address)
    return address


Address = Annotated[str, Depends(limit_client)]


async def is_open(services: Services, claims: Claims) -> bool:
    """Tell whether the session that a token is of has been neither ended nor outlived."""
    found = await services.row(
        "select 1 from sessions where id = %s and account_id = %s and revoked_at is null and expires_at > now()",
        (claims.session_id, claims.account_id),
    )
    return found is not None


async def _caller(
    services: Service, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)], client: Address
) -> Claims:
    """Require a genuine access token of a session that has not been signed out, and count the request for its account."""
    settings = services.settings
    claims = (
        read_access_token(settings.jwt_keys.now, credentials.credentials, issuer=settings.api_origin)
        if credentials
        else None
    )
    if claims is None or not await is_open(services, claims):
        raise Problem(401, "Sign in first.", headers=CHALLENGE)
    await services.limits.take("account", claims.account_id, client)
    return claims


Caller = Annotated[Claims, Depends(_caller)]


@router.post("", status_code=201, responses=errors(400, 401, 408, 413, 422, 429))
async def sign_in(credentials: Credentials, client: Address, services: Service) -> TokenPair:
    """Open a session."""
    email = credentials.email.lower()
    throttle = SignInThrottle(services.optional_redis, email, client)
    account = await services.row("select id::text, password_hash from accounts where email = %s", (email,))
    async with turn:
        await throttle.check()
        right = await password_is_right(account["password_hash"] if account else None, credentials.password)
        if not right:
            await throttle.failed()
    if not right or not account:
        raise _wrong()
    await throttle.succeeded()
    token = new_refresh_token()
    async with services.database() as connection, connection.transaction():
        # The lock has whoever sets another password wait, and end this session too; where that was first, there is none.
        cursor = await connection.execute(
            """insert into sessions (account_id, expires_at)
               select id, now() + %s from accounts where id = %s and password_hash = %s for share
               returning id::text""",
            (SESSION_LIFETIME, account["id"], account["password_hash"]),
        )
        session = await cursor.fetchone()
        if session is None:
            raise _wrong()
        await connection.execute("delete from sessions where account_id = %s and expires_at < now()", (account["id"],))
        await connection.execute(
            "insert into refresh_tokens (token_sha256, session_id) values (%s, %s)",
            (refresh_digest(token), session["id"]),
        )
    counters.sign_ins.labels("accepted").inc()
    return _pair(services, account["id"], session["id"], token)


@router.post("/refresh", responses=errors(400, 401, 408, 413, 422))
async def refresh(body: RefreshRequest, services: Service) -> TokenPair:
    """Exchange a refresh token for a new pair; using one twice revokes the session, since one of the two is a thief."""
    used, token = refresh_digest(body.refresh_token), new_refresh_token()
    async with services.database() as connection, connection.transaction():
        cursor = await connection.execute(
            """update refresh_tokens t set used_at = now() from sessions s
               where t.token_sha256 = %s and t.used_at is null and s.id = t.session_id
                 and s.revoked_at is null and s.expires_at > now()
               returning s.id::text as session_id, s.account_id::text""",
            (used,),
        )
        session = await cursor.fetchone()
        if session:
            await connection.execute(
                "insert into refresh_tokens (token_sha256, session_id) values (%s, %s)",
                (refresh_digest(token), session["session_id"]),
            )
        else:
            revoked = await connection.execute(
                """update sessions set revoked_at = now(), revoked_because = 'refresh token used twice'
                   where revoked_at is null and id =
                         (select session_id from refresh_tokens where token_sha256 = %s and used_at is not null)""",
                (used,),
            )
            if revoked.rowcount:
                log.warning("session revoked: refresh token used twice")
    if session is None:
        raise Problem(401, "The refresh token is not valid.", headers=CHALLENGE)
    return _pair(services, session["account_id"], session["session_id"], token)


@router.delete("/current", status_code=204, responses=errors(401))
async def sign_out(caller: Caller, services: Service) -> Response:
    """Close the session; its access token dies at once."""
    await services.row(
        "update sessions set revoked_at = now(), revoked_because = 'signed out' where id = %s and revoked_at is null",
        (caller.session_id,),
    )
    return Response(status_code=204)


def _wrong() -> Problem:
    counters.sign_ins.labels("refused").inc()
    return Problem(401, "E-mail or password is wrong.", headers=CHALLENGE)


def _pair(services: Services, account_id: str, session_id: str, refresh_token: str) -> TokenPair:
    settings = services.settings
    access_token = sign_access_token(
        settings.jwt_keys.now,
        issuer=settings.api_origin,
        account_id=account_id,
        session_id=session_id,
        now_s=time.time(),
    )
    return TokenPair(access_token=access_token, refresh_token=refresh_token, expires_in_s=ACCESS_LIFETIME_S)
