"""The committed contract against what really answers."""

import json
import uuid
from typing import Any

from seatrial import BLOCKER, Exercise, Invalid, check, require
from seatrial.probes.http import HttpAnswer
from suites.client import Session, instances, signed_in
from suites.client.contract import METHODS, Operation, body_for, operations

CONTRACT = "system/api/openapi.json"
PROBLEM = "application/problem+json"
FEWEST_ROUTES = 14
# What frameworks, debuggers and careless deploys leave open; none of it is in the contract.
STRAY = (
    "/",
    "/docs",
    "/redoc",
    "/openapi.yaml",
    "/swagger.json",
    "/admin",
    "/debug",
    "/debug/pprof/",
    "/health",
    "/status",
    "/internal",
    "/.env",
    "/.git/config",
    "/v1",
    "/v1/",
    "/v1/accounts",
    "/v1/users",
    "/v1/jobs",
    "/v1/sessions/",
    "/v1/assets/",
    "/v2/assets",
    "/api/v1/assets",
    "/assets",
    "/livez/",
)


@check("DEP-API-01", severity=BLOCKER, component="api")
def test_the_contract_is_served_and_nothing_else(exercise: Exercise) -> None:
    """Every route and method of the committed contract exists on every instance, with its middleware, and no other does.

    Why it matters: a route that was not registered, or a router under the wrong prefix, answers 404 in production
    while its unit tests pass. One stale instance behind a balancer does so for every second caller.

    How it is measured: system/api/openapi.json of the profile's tree is the contract. At the public host and straight
    at each API instance, the live document must equal it. Each operation is called without credentials: a guarded one
    must answer 401 with a challenge, a public one what the contract allows for it, never 404 or 405, and each must
    give back the request id that was sent. Signed in, each guarded GET must get past the guard. A method that a path
    has not must be 405 with exactly its methods in Allow. Unknown paths, and a list of usual strays, must be 404 as
    problem+json; /metrics must be one of them at the public host.

    Not covered: a hidden route under a name that nobody would guess; whether answers fit their schemas (SEC-API-01).
    """
    file = exercise.tree / CONTRACT
    if not file.is_file():
        raise Invalid(f"the profile's tree has no {CONTRACT}: {file}")
    committed = json.loads(file.read_text())
    routes = operations(committed)
    doors: dict[str, str | None] = {"public": None}
    doors |= {each.name: each.via for each in instances(exercise, "api")}
    exercise.evidence("contract", {"operations": len(routes), "doors": list(doors)})
    session = signed_in(exercise)
    fewest = len(doors) * (2 * FEWEST_ROUTES + len(STRAY))
    with exercise.cases(at_least=fewest) as cases:
        for door, via in doors.items():
            ask = _Asker(exercise, via)
            with cases(f"the document at {door}"):
                _require_same(committed, ask("GET", "/openapi.json").json(), _place(door))
            for route in routes:
                with cases(f"{route} at {door}"):
                    _require_served(ask, route, _place(door))
                if route.guarded and route.method == "GET":
                    with cases(f"{route} at {door}, signed in"):
                        _require_past_the_guard(ask, route, session, _place(door))
            for path in sorted({route.path for route in routes}):
                with cases(f"a wrong method of {path} at {door}"):
                    _require_405(ask, path, {route.method for route in routes if route.path == path}, _place(door))
            unknown = [f"/{exercise.marker}", f"/v1/{exercise.marker}", *STRAY, *(["/metrics"] if via is None else [])]
            for path in unknown:
                with cases(f"{path} at {door}"):
                    _require_404(ask, path, _place(door))


class _Asker:
    """Sends requests to one door, each with a request id of its own."""

    def __init__(self, exercise: Exercise, via: str | None) -> None:
        self._http, self._via = exercise.http, via

    def __call__(self, method: str, path: str, *, json: Any = None, token: str = "") -> HttpAnswer:
        self.request_id = f"seatrial-{uuid.uuid4().hex[:16]}"
        headers = {"X-Request-Id": self.request_id} | ({"Authorization": f"Bearer {token}"} if token else {})
        return self._http.request(method, f"api:{path}", json=json, headers=headers, via=self._via)


def _require_same(committed: Any, live: Any, where: str) -> None:
    if live == committed:
        return
    known = {(each.method, each.path) for each in operations(committed)}
    found = {(each.method, each.path) for each in operations(live)}
    gone, new = sorted(known - found), sorted(found - known)
    require(not gone, "every route of the committed contract in the live document", f"missing: {gone}", where)
    require(not new, "nothing beyond the committed contract", f"added: {new}", where)
    differing = sorted(key for key in {*committed, *live} if committed.get(key) != live.get(key))
    raise_at = ", ".join(differing)
    require(not differing, "the committed contract", f"the live document differs in {raise_at}", where)


def _require_served(ask: _Asker, route: Operation, where: str) -> None:
    path = route.url({"asset_id": str(uuid.uuid4())})
    answer = ask(route.method, path, json=body_for(route))
    what = f"{route} to be served"
    require(answer.status not in {None, 404, 405}, what, _said(answer), where)
    if route.guarded:
        require(answer.status == 401, f"401 without credentials from {route}", _said(answer), where)
        require("www-authenticate" in answer.headers, f"a challenge from {route}", "no WWW-Authenticate", where)
    else:
        require(answer.status in route.answers, f"one of {route.answers} from {route}", _said(answer), where)
    _require_request_id(ask, answer, where)


def _require_past_the_guard(ask: _Asker, route: Operation, session: Session, where: str) -> None:
    nobody = str(uuid.uuid4())
    answer = ask("GET", route.url({"asset_id": nobody}), token=session.tokens.access_token)
    wanted = 404 if "{" in route.path else 200
    require(answer.status == wanted, f"{wanted} from {route} for a signed-in caller", _said(answer), where)
    _require_request_id(ask, answer, where)


def _require_405(ask: _Asker, path: str, methods: set[str], where: str) -> None:
    wrong = next(method.upper() for method in METHODS if method.upper() not in methods | {"HEAD", "OPTIONS"})
    answer = ask(wrong, path.replace("{asset_id}", str(uuid.uuid4())))
    require(answer.status == 405, f"405 for {wrong} {path}", _said(answer), where)
    allowed = {name.strip().upper() for name in answer.headers.get("allow", "").split(",")} - {"HEAD", "OPTIONS"}
    require(allowed == methods, f"Allow with {sorted(methods)} for {path}", sorted(allowed), where)
    _require_problem(answer, where)
    _require_request_id(ask, answer, where)


def _require_404(ask: _Asker, path: str, where: str) -> None:
    answer = ask("GET", path)
    require(answer.status == 404, f"404 for {path}", _said(answer), where)
    if path != "/metrics":  # which the ingress itself keeps from the outside
        _require_problem(answer, where)
        _require_request_id(ask, answer, where)


def _require_problem(answer: HttpAnswer, where: str) -> None:
    kind = answer.headers.get("content-type", "").partition(";")[0]
    require(kind == PROBLEM, f"{PROBLEM} from {answer.asked}", f"{kind!r}", where)
    said = answer.json()
    require(said.get("status") == answer.status, f"a problem with status {answer.status}", said, where)


def _require_request_id(ask: _Asker, answer: HttpAnswer, where: str) -> None:
    seen = answer.headers.get("x-request-id")
    require(seen == ask.request_id, f"the request id of {answer.asked} given back", f"{seen!r}", where)


def _said(answer: HttpAnswer) -> str:
    return answer.error or f"{answer.status} {answer.text[:200]}"


def _place(door: str) -> str:
    return "api" if door == "public" else door
