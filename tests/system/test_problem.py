"""What wraps every service: request ids, problem documents, body limits, and silence about what went wrong."""

import asyncio
import json
import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from system.common.body import BodyLimit
from system.common.client import PRIVATE_NETWORKS, client_address, parse_networks, subscriber
from system.common.middleware import RequestContext
from system.common.problem import Problem, install_problems


class Answer:
    """Hold what an application sent."""

    def __init__(self, messages: list[dict[str, Any]]) -> None:
        self.status = messages[0]["status"]
        self.headers = {name.decode().lower(): value.decode() for name, value in messages[0]["headers"]}
        self.body = b"".join(message.get("body", b"") for message in messages[1:])

    @property
    def problem(self) -> dict[str, Any]:
        assert self.headers["content-type"] == "application/problem+json"
        document: dict[str, Any] = json.loads(self.body)
        assert document["status"] == self.status
        assert document["instance"] == self.headers["x-request-id"]
        return document


Ask = Callable[..., Answer]


@pytest.fixture
def ask() -> Iterator[Ask]:
    async def fine(request: Request) -> Response:
        return PlainTextResponse(str(len(await request.body())))

    async def refuse(_request: Request) -> Response:
        raise Problem(409, "Not now.", headers={"Retry-After": "1"}, until="noon")

    async def crash(_request: Request) -> Response:
        raise RuntimeError("the password is hunter2")

    app = Starlette(
        routes=[
            Route("/fine", fine, methods=["GET"]),
            Route("/fine", fine, methods=["POST"]),
            Route("/refuse", refuse),
            Route("/crash", crash),
        ]
    )
    install_problems(app)
    app.add_middleware(BodyLimit, max_bytes=10)
    app.add_middleware(RequestContext, headers={"Cache-Control": "no-store"})

    def send(
        method: str,
        path: str,
        *,
        headers: dict[str, str] | None = None,
        chunks: tuple[bytes, ...] = (b"",),
        version: str = "1.1",
    ) -> Answer:
        waiting = [
            {"type": "http.request", "body": chunk, "more_body": number < len(chunks)}
            for number, chunk in enumerate(chunks, 1)
        ]
        sent: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            return waiting.pop(0) if waiting else {"type": "http.disconnect"}

        async def answer(message: Any) -> None:
            sent.append(message)

        scope = {
            "type": "http",
            "method": method,
            "path": path,
            "query_string": b"",
            "http_version": version,
            "headers": [(name.encode(), value.encode()) for name, value in {"host": "x", **(headers or {})}.items()],
        }
        asyncio.run(app(scope, receive, answer))
        return Answer(sent)

    logging.getLogger("system").setLevel(logging.CRITICAL)
    yield send
    logging.getLogger("system").setLevel(logging.NOTSET)


def test_a_plain_request_id_is_kept_and_any_other_is_replaced(ask: Ask) -> None:
    assert ask("GET", "/fine", headers={"x-request-id": "a.B-1_"}).headers["x-request-id"] == "a.B-1_"
    for bad in ("", "a b", "a" * 65, 'x"y', "ü"):
        assert len(ask("GET", "/fine", headers={"x-request-id": bad}).headers["x-request-id"]) == 32


def test_a_problem_carries_its_members_and_headers(ask: Ask) -> None:
    answer = ask("GET", "/refuse")
    assert answer.problem == {
        "type": "about:blank",
        "title": "Conflict",
        "status": 409,
        "detail": "Not now.",
        "instance": answer.headers["x-request-id"],
        "until": "noon",
    }
    assert answer.headers["retry-after"] == "1"


def test_an_unknown_path_is_a_problem(ask: Ask) -> None:
    assert ask("GET", "/nowhere").problem["status"] == 404


def test_a_wrong_method_names_those_of_every_route_of_the_path(ask: Ask) -> None:
    answer = ask("DELETE", "/fine")
    assert answer.problem["status"] == 405
    assert answer.headers["allow"] == "GET, HEAD, POST"


def test_an_unhandled_error_says_nothing_of_itself(ask: Ask) -> None:
    answer = ask("GET", "/crash")
    assert answer.problem["detail"] == "Internal Server Error"
    assert b"hunter2" not in answer.body
    assert answer.headers["cache-control"] == "no-store"


def test_a_body_over_the_limit_is_refused_whether_announced_or_not(ask: Ask) -> None:
    assert ask("POST", "/fine", chunks=(b"12345", b"67890")).body == b"10"
    assert ask("POST", "/fine", headers={"content-length": "11"}).problem["status"] == 413
    assert ask("POST", "/fine", chunks=(b"12345", b"678901")).problem["status"] == 413


def test_an_announced_body_is_refused_at_once_and_read_before_the_connection_closes() -> None:
    order: list[str] = []
    pieces = iter([b"a" * 8, b"a" * 8, b""])

    async def receive() -> dict[str, Any]:
        piece = next(pieces)
        order.append(f"read {len(piece)}")
        return {"type": "http.request", "body": piece, "more_body": bool(piece)}

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            order.append(f"answer {message['status']}")
        else:
            order.append(f"{len(message.get('body', b''))} bytes{'' if message.get('more_body') else ', the end'}")

    async def unreached(*_: Any) -> None:
        raise AssertionError("the application was asked")

    headers = [(b"content-length", b"16")]
    scope = {"type": "http", "method": "POST", "path": "/", "headers": headers, "state": {"request_id": "r"}}
    asyncio.run(BodyLimit(unreached, max_bytes=10)(scope, receive, send))

    assert [order[0], *order[2:]] == ["answer 413", "read 8", "read 8", "read 0", "0 bytes, the end"]
    assert not order[1].endswith("the end")


@pytest.mark.parametrize(
    ("given", "version", "status"),
    [
        ({"host": "x", "x-a": "a" * 33_000}, "1.1", 431),
        ({"host": "x"}, "2.0", 505),
        ({"host": "x"}, "1.0", 200),
    ],
)
def test_what_the_parser_lets_through_and_no_server_may_is_refused(
    ask: Ask, given: dict[str, str], version: str, status: int
) -> None:
    answer = ask("GET", "/fine", headers=given, version=version)

    assert answer.status == status
    assert answer.headers.get("connection") == (None if status == 200 else "close")


@pytest.mark.parametrize(
    ("peer", "forwarded", "expected"),
    [
        ("203.0.113.9", "198.51.100.1", "203.0.113.9"),
        ("10.0.0.2", "198.51.100.1", "198.51.100.1"),
        ("10.0.0.2", "6.6.6.6, 198.51.100.1", "198.51.100.1"),
        ("10.0.0.2", "no address", "10.0.0.2"),
        ("10.0.0.2", None, "10.0.0.2"),
    ],
)
def test_only_a_proxy_of_ours_is_believed_about_the_caller(peer: str, forwarded: str | None, expected: str) -> None:
    headers = [] if forwarded is None else [(b"x-forwarded-for", forwarded.encode())]
    request = Request({"type": "http", "client": (peer, 1), "headers": headers})
    assert client_address(request, parse_networks(PRIVATE_NETWORKS)) == expected


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("2001:db8:1:2::1", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff:ffff:ffff:ffff", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::1", "2001:db8:1:3::/64"),
        ("unknown", "unknown"),
    ],
)
def test_addresses_that_one_caller_has_are_counted_as_one(address: str, expected: str) -> None:
    assert subscriber(address) == expected
