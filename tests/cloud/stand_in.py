"""A server that speaks the part of DigitalOcean's API that is used here, with state, and wrong on purpose.

Shapes: tests/cloud/digitalocean.schema.json. Behaviour, from the same published description: a PUT of trusted sources
replaces the whole list and answers 204, a PUT of a firewall replaces it, lists come in pages with links, errors are {"id", "message"}.
"""

import copy
import json
import re
import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.cloud import apps
from tests.cloud.apps import APP, AT, AppPlatform, RefusedError

VPC, DATABASE, FIREWALL = (str(uuid.UUID(int=number, version=4)) for number in range(1, 4))
READ = frozenset({"vpc:read", "database:read", "firewall:read", "droplet:read", "app:read", "account:read"})
WRITE = READ | {"app:update", "database:update", "firewall:update", "droplet:create"}
DEPLOY = frozenset({"app:read", "app:create", "app:update"})


def a_network() -> dict[str, Any]:
    """Return the objects of an environment as the API would show them."""
    return {
        "vpc": {
            "id": VPC,
            "urn": f"do:vpc:{VPC}",
            "name": "here-vpc",
            "description": "",
            "region": "fra1",
            "ip_range": "10.20.0.0/20",
            "default": False,
            "created_at": AT,
        },
        "members": [
            {"name": name, "urn": urn, "created_at": AT}
            for name, urn in (("db", f"do:dbaas:{DATABASE}"), ("gpu-1", "do:droplet:101"), ("gpu-2", "do:droplet:102"))
        ],
        "database": {
            "id": DATABASE,
            "name": "here-db",
            "engine": "pg",
            "version": "16",
            "num_nodes": 2,
            "size": "db-s-2vcpu-4gb",
            "region": "fra1",
            "status": "online",
            "private_network_uuid": VPC,
            "created_at": AT,
        },
        "rules": [_trusted("ip_addr", "10.20.0.0/20"), _trusted("app", APP)],
        "firewall": {
            "id": FIREWALL,
            "name": "here-gpu",
            "status": "succeeded",
            "created_at": AT,
            "pending_changes": [],
            "inbound_rules": [{"protocol": "tcp", "ports": "22", "sources": {"addresses": ["203.0.113.7"]}}],
            "outbound_rules": [
                {"protocol": "tcp", "ports": "0", "destinations": {"addresses": ["::/0", "0.0.0.0/0"]}},
                {"protocol": "icmp", "ports": "0", "destinations": {"addresses": ["0.0.0.0/0"]}},
            ],
            "droplet_ids": [],
            "tags": ["gpu"],
        },
    }


def _trusted(kind: str, value: str) -> dict[str, Any]:
    return {"uuid": str(uuid.uuid4()), "cluster_uuid": DATABASE, "type": kind, "value": value, "created_at": AT}


@dataclass
class StandIn:
    """The API on loopback.

    Attributes:
        state: the objects, to be changed by a test or by requests.
        tokens: token -> its scopes.
        wrong: "" or how every answer is wrong: "429", "500", "garbage", "silent", "list".
        once: (beginning of a request, how its answer is wrong) for the next request that begins so; "lost" does what was
            asked and answers 502.
        page_size: rows of a page, whatever is asked for.
        asked: every request, "GET /v2/...".
    """

    state: dict[str, Any] = field(default_factory=a_network)
    tokens: dict[str, frozenset[str]] = field(
        default_factory=lambda: {"reader": READ, "writer": WRITE, "deployer": DEPLOY}
    )
    apps: AppPlatform = field(default_factory=AppPlatform)
    wrong: str = ""
    once: list[tuple[str, str]] = field(default_factory=list)
    page_size: int = 200
    asked: list[str] = field(default_factory=list)
    released: threading.Event = field(default_factory=threading.Event)
    port: int = 0

    @property
    def endpoint(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    def handler(self) -> type[BaseHTTPRequestHandler]:
        outer = self

        class Handler(_Handler):
            stand_in = outer

        return Handler


_NO_OBJECT = {"garbage": b"<html>not what you think</html>", "list": b"[]"}


class _Handler(BaseHTTPRequestHandler):
    stand_in: StandIn
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._answer()

    def do_PUT(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def log_message(self, *_: object) -> None:
        pass

    def _answer(self) -> None:
        stand_in = self.stand_in
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        stand_in.asked.append(f"{self.command} {self.path}")
        wrong = stand_in.wrong or self._wrong_once()
        if wrong == "silent":
            stand_in.released.wait(30)
            self.close_connection = True
            return None
        if wrong in _NO_OBJECT:
            return self._send(200, _NO_OBJECT[wrong], "application/json")
        if wrong.isdigit():
            after = {"Retry-After": "3600" if stand_in.wrong else "7"}
            return self._json(int(wrong), {"id": "wrong", "message": "on purpose"}, after)
        try:
            found = self._route(json.loads(body) if body else None)
        except RefusedError as refused:
            return self._json(refused.status, {"id": refused.kind, "message": str(refused)})
        if wrong == "lost":
            return self._json(502, {"id": "wrong", "message": "the answer got lost"})
        return self._json(200, found) if found is not None else self._send(204, b"", "")

    def _wrong_once(self) -> str:
        for index, (beginning, wrong) in enumerate(self.stand_in.once):
            if f"{self.command} {self.path}".startswith(beginning):
                del self.stand_in.once[index]
                return wrong
        return ""

    def _route(self, body: Any) -> dict[str, Any] | None:
        state, path = self.stand_in.state, urlsplit(self.path).path
        for pattern, scope, handle in _ROUTES:
            if match := re.fullmatch(pattern, f"{self.command} {path}"):
                self._require(scope)
                return handle(self, state, match, body)
        raise RefusedError(404, "not_found", "the resource you requested could not be found")

    def _require(self, scope: str) -> None:
        token = (self.headers.get("Authorization") or "").removeprefix("Bearer ")
        if token not in self.stand_in.tokens:
            raise RefusedError(401, "Unauthorized", "Unable to authenticate you")
        if scope not in self.stand_in.tokens[token]:
            raise RefusedError(403, "Forbidden", f"You are missing the required permission {scope}")

    def _page(self, rows: list[Any], key: str) -> dict[str, Any]:
        number = int(parse_qs(urlsplit(self.path).query).get("page", ["1"])[0])
        size = self.stand_in.page_size
        part = rows[(number - 1) * size : number * size]
        base = self.stand_in.endpoint + urlsplit(self.path).path
        pages = {"next": f"{base}?page={number + 1}"} if number * size < len(rows) else {}
        return {key: part, "links": {"pages": pages}, "meta": {"total": len(rows)}}

    def _json(self, status: int, value: Any, headers: dict[str, str] | None = None) -> None:
        self._send(status, json.dumps(value).encode(), "application/json", headers)

    def _send(self, status: int, body: bytes, kind: str, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


def _own(state: dict[str, Any], kind: str, match: re.Match[str]) -> dict[str, Any]:
    if state.get(kind) is None or match[1] != state[kind]["id"]:
        raise RefusedError(404, "not_found", "the resource you requested could not be found")
    return state[kind]  # type: ignore[no-any-return]


def _get_vpc(_: _Handler, state: dict[str, Any], match: re.Match[str], __: Any) -> dict[str, Any]:
    return {"vpc": _own(state, "vpc", match)}


def _get_members(handler: _Handler, state: dict[str, Any], match: re.Match[str], __: Any) -> dict[str, Any]:
    _own(state, "vpc", match)
    return handler._page(state["members"], "members")


def _get_firewall(_: _Handler, state: dict[str, Any], match: re.Match[str], __: Any) -> dict[str, Any]:
    return {"firewall": _own(state, "firewall", match)}


def _put_firewall(_: _Handler, state: dict[str, Any], match: re.Match[str], body: Any) -> dict[str, Any]:
    firewall = _own(state, "firewall", match)
    if not isinstance(body, dict) or not body.get("name"):
        raise RefusedError(422, "unprocessable_entity", "name is required")
    for key in ("inbound_rules", "outbound_rules", "droplet_ids", "tags"):
        firewall[key] = copy.deepcopy(body.get(key) or [])
    return {"firewall": firewall}


def _get_database(_: _Handler, state: dict[str, Any], match: re.Match[str], __: Any) -> dict[str, Any]:
    return {"database": _own(state, "database", match)}


def _get_rules(_: _Handler, state: dict[str, Any], match: re.Match[str], __: Any) -> dict[str, Any]:
    _own(state, "database", match)
    return {"rules": state["rules"]}


def _put_rules(_: _Handler, state: dict[str, Any], match: re.Match[str], body: Any) -> None:
    _own(state, "database", match)
    state["rules"] = [{**_trusted(rule["type"], rule["value"]), **rule} for rule in body["rules"]]


def _get_account(_: _Handler, *__: Any) -> dict[str, Any]:
    return {"account": {"status": "active", "email": "owner@example.com"}}


def _list(handler: _Handler, _: dict[str, Any], match: re.Match[str], __: Any) -> dict[str, Any]:
    return handler._page([], match[1])


def _refuse_creation(_: _Handler, __: dict[str, Any], ___: re.Match[str], body: Any) -> None:
    if not isinstance(body, dict) or not body.get("name"):
        raise RefusedError(422, "unprocessable_entity", "name is required")
    raise AssertionError("something would have been made")


_KINDS = ("app", "database", "droplet", "firewall", "vpc")
_ROUTES: tuple[tuple[str, str, Callable[..., dict[str, Any] | None]], ...] = (
    (r"GET /v2/vpcs/([^/]+)", "vpc:read", _get_vpc),
    (r"GET /v2/vpcs/([^/]+)/members", "vpc:read", _get_members),
    (r"GET /v2/firewalls/([^/]+)", "firewall:read", _get_firewall),
    (r"PUT /v2/firewalls/([^/]+)", "firewall:update", _put_firewall),
    (r"GET /v2/databases/([^/]+)", "database:read", _get_database),
    (r"GET /v2/databases/([^/]+)/firewall", "database:read", _get_rules),
    (r"PUT /v2/databases/([^/]+)/firewall", "database:update", _put_rules),
    (r"GET /v2/account", "account:read", _get_account),
    *apps.ROUTES,
    *((rf"GET /v2/({each}s)", f"{each}:read", _list) for each in _KINDS),
    *((rf"POST /v2/({each}s)", f"{each}:create", _refuse_creation) for each in _KINDS),
)
