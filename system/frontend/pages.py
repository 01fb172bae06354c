"""The pages and what their forms and scripts ask for."""

import asyncio
import json
import re
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from urllib.parse import parse_qs

import httpx2
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

from system.common.client import Networks
from system.common.lifecycle import draining
from system.common.logging import get_logger
from system.common.problem import problem
from system.frontend.api import Api, ApiUnavailable, detail
from system.frontend.security import safe_path
from system.frontend.session import Refresher, Session, SignedOut
from system.frontend.templates import Templates

__all__ = ["Pages"]

PAGE_SIZE = 20
DRAIN_CHECK_S = 0.5
_KEY = re.compile(r"[A-Za-z0-9_.:-]{1,128}")  # as the api's contract has it
_DONE = {
    "uploaded": "The video has arrived and is being prepared.",
    "renamed": "The new title is saved.",
    "promoted": "The video is a master now.",
    "deleted": "The video is deleted.",
}

log = get_logger("frontend.pages")

Handler = Callable[[Request, Session], Awaitable[Response]]


class Pages:
    """Answer the routes of the site; every handler gets the reader's session and may raise SignedOut."""

    def __init__(self, api: Api, refresher: Refresher, templates: Templates, proxies: Networks) -> None:
        self._api, self._refresher, self._templates, self._proxies = api, refresher, templates, proxies

    def routes(self) -> list[Route]:
        """List the routes."""
        asset = "/assets/{id:uuid}"
        return [
            self._route("/", self._list),
            self._route("/sign-in", self._sign_in_page),
            self._route("/sign-in", self._sign_in, "POST"),
            self._route("/sign-out", self._sign_out, "POST"),
            self._route("/upload", self._upload_page),
            self._route("/upload", self._upload, "POST"),
            self._route(asset, self._asset),
            self._route(f"{asset}/complete", self._complete, "POST"),
            self._route(f"{asset}/rename", self._rename, "POST"),
            self._route(f"{asset}/promote", self._promote, "POST"),
            self._route(f"{asset}/delete", self._delete, "POST"),
            self._route(f"{asset}/playback", self._playback, "POST"),
            self._route(f"{asset}/events", self._events),
        ]

    def _route(self, path: str, handler: Handler, method: str = "GET") -> Route:
        async def endpoint(request: Request) -> Response:
            session = Session(request, self._api, self._refresher, self._proxies)
            request.state.session = session
            return session.dress(await handler(request, session))

        return Route(path, endpoint, methods=[method])

    async def _list(self, request: Request, session: Session) -> Response:
        cursor = request.query_params.get("cursor", "")
        params = {"limit": str(PAGE_SIZE), **({"cursor": cursor} if cursor else {})}
        answer = await session.call("GET", "/v1/assets", params=params)
        if answer.status_code != 200:
            raise _refused(answer)
        page = answer.json()
        return self._templates.page(
            "list", assets=page["items"], next_cursor=page["next_cursor"], first=not cursor, done=_done(request)
        )

    async def _sign_in_page(self, request: Request, session: Session) -> Response:
        goal = safe_path(request.query_params.get("next", "/"))
        if session.exists:
            try:
                await session.call("GET", "/v1/assets", params={"limit": "1"})
            except SignedOut:
                session.end()
            else:
                return RedirectResponse(goal, 303)
        return self._templates.page("sign-in", goal=goal, email="", said="")

    async def _sign_in(self, request: Request, session: Session) -> Response:
        form = await _form(request)
        goal, email = safe_path(form.get("next", "/")), form.get("email", "").strip()
        answer = await session.sign_in(email, form.get("password", ""))
        if answer.status_code == 201:
            return RedirectResponse(goal, 303)
        if answer.status_code not in {401, 422, 429}:
            raise _refused(answer)
        said = "E-mail or password is wrong." if answer.status_code == 422 else detail(answer)
        page = self._templates.page("sign-in", answer.status_code, goal=goal, email=email, said=said)
        page.headers.update(_when_again(answer))
        return page

    async def _sign_out(self, _request: Request, session: Session) -> Response:
        try:
            status = (await session.call("DELETE", "/v1/sessions/current")).status_code
        except SignedOut:
            status = 204  # it is what the reader wants
        except ApiUnavailable:
            status = 503
        if status != 204:
            log.warning("signed out in the browser only, the session lives until it expires", extra={"status": status})
        session.end()
        return RedirectResponse("/sign-in", 303)

    async def _upload_page(self, _request: Request, session: Session) -> Response:
        await session.call("GET", "/v1/assets", params={"limit": "1"})
        return self._templates.page("upload")

    async def _upload(self, request: Request, session: Session) -> Response:
        key = request.headers.get("idempotency-key", secrets.token_hex(16))
        if not _KEY.fullmatch(key):
            raise HTTPException(422, "That is not an Idempotency-Key.")
        headers = {"Idempotency-Key": key, "Content-Type": "application/json"}
        return _passed_on(await session.call("POST", "/v1/assets", content=await _json(request), headers=headers))

    async def _complete(self, request: Request, session: Session) -> Response:
        return _passed_on(await session.call("POST", f"{_path(request)}/complete", json={}, thorough=True))

    async def _playback(self, request: Request, session: Session) -> Response:
        return _passed_on(await session.call("POST", f"{_path(request)}/playback", json={"variant": "preview"}))

    async def _asset(self, request: Request, session: Session, status: int = 200, said: str = "") -> Response:
        answer = await session.call("GET", _path(request))
        if answer.status_code != 200:
            raise _refused(answer)
        asset = answer.json()
        links = dict.fromkeys(("preview", "poster"), "")
        if asset["status"] == "ready":
            asked = (session.call("POST", f"{_path(request)}/playback", json={"variant": variant}) for variant in links)
            answers = await asyncio.gather(*asked)
            links = {
                variant: answer.json()["url"] if answer.status_code == 201 else ""
                for variant, answer in zip(links, answers, strict=True)
            }
        return self._templates.page("asset", status, asset=asset, links=links, said=said, done=_done(request))

    async def _rename(self, request: Request, session: Session) -> Response:
        title = (await _form(request)).get("title", "").strip()
        answer = await session.call("PATCH", _path(request), json={"title": title})
        return await self._after(request, session, answer, "renamed")

    async def _promote(self, request: Request, session: Session) -> Response:
        answer = await session.call("POST", f"{_path(request)}/promote", thorough=True)
        return await self._after(request, session, answer, "promoted")

    async def _delete(self, request: Request, session: Session) -> Response:
        # Completing and promoting change nothing when they are repeated; a second deletion would find nothing to delete.
        key = {"Idempotency-Key": secrets.token_hex(16)}
        answer = await session.call("DELETE", _path(request), headers=key, thorough=True)
        if answer.status_code == 204:
            return RedirectResponse("/?done=deleted", 303)
        return await self._after(request, session, answer, "deleted")

    async def _after(self, request: Request, session: Session, answer: httpx2.Response, done: str) -> Response:
        if answer.is_success:
            return RedirectResponse(f"/assets/{request.path_params['id']}?done={done}", 303)
        if answer.status_code not in {409, 422}:
            raise _refused(answer)
        return await self._asset(request, session, answer.status_code, detail(answer))

    async def _events(self, request: Request, session: Session) -> Response:
        stream = await session.open(f"{_path(request)}/events")
        if stream.status_code != 200:
            await stream.aread()
            return _passed_on(stream)
        return StreamingResponse(_relay(stream), media_type="text/event-stream")


async def _relay(stream: httpx2.Response) -> AsyncIterator[bytes]:
    """Pass events on until the api ends them or this instance is told to stop; the browser then asks again."""
    chunks = stream.aiter_raw()
    chunk: asyncio.Task[bytes] | None = None
    try:
        while not draining.is_set():
            chunk = chunk or asyncio.create_task(_next(chunks))
            done, _ = await asyncio.wait({chunk}, timeout=DRAIN_CHECK_S)
            if done:
                data, chunk = chunk.result(), None
                if not data:
                    return
                yield data
    except httpx2.TransportError as error:
        log.warning("events broke off", extra={"reason": type(error).__name__})
    finally:
        if chunk:
            chunk.cancel()
        await stream.aclose()


async def _next(chunks: AsyncIterator[bytes]) -> bytes:
    return await anext(chunks, b"")


def _path(request: Request) -> str:
    return f"/v1/assets/{request.path_params['id']}"


def _done(request: Request) -> str:
    return _DONE.get(request.query_params.get("done", ""), "")


def _refused(answer: httpx2.Response) -> HTTPException:
    if answer.status_code not in {404, 409, 422, 429, 503}:
        return HTTPException(502, "The service could not do that.")
    return HTTPException(answer.status_code, detail(answer), _when_again(answer))


def _passed_on(answer: httpx2.Response) -> Response:
    if answer.is_success:
        return JSONResponse(answer.json(), answer.status_code)
    if answer.status_code >= 500 and answer.status_code != 503:
        return problem(502, "The service could not do that.")
    return problem(answer.status_code, detail(answer), headers=_when_again(answer))


def _when_again(answer: httpx2.Response) -> dict[str, str]:
    return {"Retry-After": answer.headers["retry-after"]} if "retry-after" in answer.headers else {}


async def _form(request: Request) -> dict[str, str]:
    try:
        fields = parse_qs((await request.body()).decode(), keep_blank_values=True, max_num_fields=20, errors="strict")
    except ValueError:
        raise HTTPException(400, "That is not a form of this site.") from None
    return {name: values[-1] for name, values in fields.items()}


async def _json(request: Request) -> bytes:
    """Return the body as it came: not all that can be read as JSON can be written again."""
    body = await request.body()
    try:
        json.loads(body)
    except (ValueError, RecursionError):
        raise HTTPException(400, "That is not JSON.") from None
    return body
