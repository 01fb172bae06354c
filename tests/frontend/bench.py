"""A real frontend in front of a small api that behaves, or misbehaves, as a test tells it."""

import asyncio
import json
import re
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, TypeVar

import httpx2
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

T = TypeVar("T")
Running = Callable[[Starlette], AbstractContextManager[str]]

APP = "https://app.example.test:8443"
PLAY = "https://play.example.test:8443"
S3 = "https://s3.example.test:8443"
ASSET_ID = "7d4f4a52-4c06-4f27-a6a4-8c30a1a1e9a1"


def asset(**values: Any) -> dict[str, Any]:
    return {
        "id": ASSET_ID,
        "title": "Harbour",
        "filename": "harbour.mp4",
        "content_type": "video/mp4",
        "status": "ready",
        "progress": 100,
        "failure_reason": None,
        "size_bytes": 1_500_000,
        "created_at": "2026-11-23T05:34:42.123456Z",
        "updated_at": "2026-11-23T05:35:00Z",
        "master": None,
        **values,
    }


class FakeApi:
    """Answer as the published contract says; a test may replace any answer and read every request."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str, dict[str, str], Any]] = []
        self.answers: dict[tuple[str, str], Callable[[Request], Response]] = {}
        self.slow_s: dict[tuple[str, str], float] = {}
        self.valid = {"access-1"}
        self.refresh = {"refresh-1": ("access-2", "refresh-2")}
        self.assets = [asset()]

    def app(self) -> Starlette:
        return Starlette(routes=[Route("/{path:path}", self._answer, methods=["GET", "POST", "PATCH", "DELETE"])])

    def calls(self, method: str, path: str) -> list[tuple[dict[str, str], Any]]:
        return [(headers, body) for m, p, headers, body in self.seen if (m, p) == (method, path)]

    async def _answer(self, request: Request) -> Response:
        raw = await request.body()
        body: Any = json.loads(raw) if raw else None
        key = (request.method, request.url.path)
        self.seen.append((*key, dict(request.headers), body))
        await asyncio.sleep(self.slow_s.get(key, 0.0))
        if key in self.answers:
            return self.answers[key](request)
        if key == ("GET", "/livez"):
            return JSONResponse({"status": "ok"})
        if key[1] == "/v1/sessions/refresh":
            return self._refresh(body)
        if key[1] == "/v1/sessions":
            return self._sign_in(body)
        if request.headers.get("authorization", "").removeprefix("Bearer ") not in self.valid:
            return problem(401, "Sign in first.")
        return self._signed_in(request, body)

    @staticmethod
    def _sign_in(body: Any) -> Response:
        if body["password"] == "right":
            return JSONResponse(tokens("access-1", "refresh-1"), 201)
        return problem(401, "E-mail or password is wrong.")

    def _refresh(self, body: Any) -> Response:
        pair = self.refresh.pop(body["refresh_token"], None)
        if not pair:
            self.valid.clear()
            return problem(401, "The refresh token is not valid.")
        self.valid.add(pair[0])
        return JSONResponse(tokens(*pair))

    def _signed_in(self, request: Request, body: Any) -> Response:
        path = request.url.path
        if path == "/v1/assets" and request.method == "GET":
            return JSONResponse({"items": self.assets, "next_cursor": "older+1/="})
        if path == "/v1/assets":
            upload = {"method": "PUT", "url": f"{S3}/staging/uploads/x?sig=1", "headers": {"content-type": "video/mp4"}}
            return JSONResponse({"asset": asset(title=body["title"], status="awaiting_upload"), "upload": upload}, 201)
        if path.endswith("/playback"):
            link = f"{PLAY}/v/{ASSET_ID}/{body['variant']}?exp=1&kid=k1&sig=s"
            return JSONResponse({"url": link, "expires_at": "2026-11-23T05:40:00Z"}, 201)
        if request.method == "DELETE":
            return Response(status_code=204)
        if path.endswith("/events"):
            return StreamingResponse(events(), media_type="text/event-stream")
        found = [one for one in self.assets if path.startswith(f"/v1/assets/{one['id']}")]
        done = 202 if path.endswith("/complete") else 200
        return JSONResponse(found[0], done) if found else problem(404, "Not Found")


async def events() -> AsyncIterator[bytes]:
    for progress in (10, 60, 100):
        yield f'event: asset\ndata: {{"status": "processing", "progress": {progress}}}\n\n'.encode()


def tokens(access: str, refresh: str) -> dict[str, Any]:
    return {"access_token": access, "refresh_token": refresh, "token_type": "Bearer", "expires_in_s": 900}


def problem(status: int, detail: str, headers: dict[str, str] | None = None, **more: Any) -> Response:
    return JSONResponse({"title": "x", "status": status, "detail": detail, **more}, status, headers)


class Host:
    """Keep servers running on one event loop, and let one application after the other answer on them.

    Starting and stopping a server takes longer than most tests; an application costs nothing.
    """

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._idle: list[Slot] = []
        self._all: list[Slot] = []
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    @contextmanager
    def running(self, app: Starlette) -> Iterator[str]:
        """Serve the application, its start and stop included, and give its URL."""
        if not self._idle:
            self._idle.append(self._do(Slot.start()))
            self._all.append(self._idle[-1])
        slot = self._idle.pop()
        life = app.router.lifespan_context(app)
        self._do(life.__aenter__())
        slot.app = app
        try:
            yield slot.url
        finally:
            self._do(life.__aexit__(None, None, None))
            self._idle.append(slot)

    def close(self) -> None:
        """Stop every server."""
        for slot in self._all:
            self._do(slot.stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def _do(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(10)


class Slot:
    """One server and the application that answers on it now."""

    def __init__(self) -> None:
        self.app: Starlette | None = None
        self.url = ""
        self._server = uvicorn.Server(uvicorn.Config(self, host="127.0.0.1", port=0, log_config=None, lifespan="off"))

    @classmethod
    async def start(cls) -> "Slot":
        slot = cls()
        slot._server.config.load()
        slot._server.lifespan = slot._server.config.lifespan_class(slot._server.config)
        await slot._server.startup()
        host, port = slot._server.servers[0].sockets[0].getsockname()
        slot.url = f"http://{host}:{port}"
        return slot

    async def stop(self) -> None:
        await self._server.shutdown()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        assert self.app
        await self.app(scope, receive, send)


class Browser:
    """Keep cookies as a browser on https would, and send its headers."""

    def __init__(self, url: str) -> None:
        self.cookies: dict[str, str] = {}
        self.attributes: dict[str, str] = {}
        self.url = url

    def get(self, path: str, **headers: str) -> httpx2.Response:
        return self._send("GET", path, {"Accept": "text/html", **named(headers)})

    def post(self, path: str, data: dict[str, str] | None = None, **headers: str) -> httpx2.Response:
        return self._send("POST", path, {"Accept": "text/html", "Origin": APP, **named(headers)}, data=data)

    def fetch(self, path: str, body: Any, **headers: str) -> httpx2.Response:
        return self._send("POST", path, {"Accept": "application/json", "Origin": APP, **named(headers)}, json=body)

    def send_raw(self, path: str, content: bytes) -> httpx2.Response:
        return self._send("POST", path, {"Accept": "application/json", "Origin": APP}, content=content)

    def sign_in(self) -> "Browser":
        assert self.post("/sign-in", {"email": "ada@example.test", "password": "right"}).status_code == 303
        return self

    def _send(self, method: str, path: str, headers: dict[str, str], **body: Any) -> httpx2.Response:
        if self.cookies:
            headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        raw = [(name.encode(), value.encode("latin-1")) for name, value in headers.items() if value]
        with httpx2.Client(base_url=self.url, timeout=10, trust_env=False, verify=False) as http:
            answer = http.request(method, path, headers=raw, **body)
        for line in answer.headers.get_list("set-cookie"):
            found = re.match(r'([^=]+)="?([^;"]*)"?; ?(.*)', line)
            assert found
            name, value, attributes = found.groups()
            self.attributes[name] = attributes
            if "Max-Age=0" in attributes:
                self.cookies.pop(name, None)
            else:
                self.cookies[name] = value
        return answer


def named(headers: dict[str, str]) -> dict[str, str]:
    return {name.replace("_", "-").title(): value for name, value in headers.items()}


def environment(*api_urls: str) -> dict[str, str]:
    return {
        "SERVICE": "frontend",
        "INSTANCE": "frontend-1",
        "RELEASE": "r1",
        "LISTEN_HOST": "127.0.0.1",
        "LISTEN_PORT": "1",
        "API_INTERNAL_URL": ",".join(api_urls),
        "APP_ORIGIN": APP,
        "PLAY_ORIGIN": PLAY,
        "S3_PUBLIC_ENDPOINT": S3,
    }
