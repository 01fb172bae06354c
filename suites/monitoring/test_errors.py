"""Errors that nobody foresaw: somebody is told, with what it takes to find the cause."""

import json
import secrets
from collections.abc import Mapping
from typing import Any

from seatrial import MAJOR, Disrupt, Failure, Invalid, check, eventually, require
from seatrial.platform import Patch
from suites.client import Session, instances, signed_in
from suites.monitoring import _watch as watch

# A release in which a cursor's separator was changed in one of two places.
FILE, FUNCTION, ERROR = "system/api/assets.py", "list_assets", "ValueError"
DEFECT = Patch(
    file=FILE,
    find='microseconds, last_id = (cursor or f"{10**16 - 1}-{\'f\' * 32}").split("-")',
    replace='microseconds, last_id = (cursor or f"{10**16 - 1}-{\'f\' * 32}").split("_")',
)


@check("MON-06", severity=MAJOR, component="services", alone=True, needs=("pager",))
def test_an_unhandled_error_is_reported_with_release_and_trace(disrupt: Disrupt) -> None:
    """An error that nobody foresaw reaches the collector: which one, where, in which release, at which request, and no secret.

    Why it matters: users do not report errors, they leave. A line in the log of one of twelve instances is read by nobody
    before somebody looks for it; and a collector that is told everything holds tokens and mail addresses of all who met one.

    How it is measured: a release with a defect is put on one instance of the API, and asked once for a list, with a trace and a
    request id of our own, a token and a cookie. It must answer 500, else INVALID. Within targets.error_reported_s the collector, which
    speaks Sentry's protocol, must have an event of it, with the trace, the request id, the release, the instance, the
    error's type, and a stack that ends in the file and the function of the defect. The event must hold neither variables nor
    the token, the cookie or any other secret that this process holds. Then the release is taken back.

    Not covered: errors while a service starts, before it can report; the other services, which report by the same lines of code;
    who is told by the collector, which is another company's elsewhere.
    """
    if not disrupt.platform.offers("canary"):
        raise Invalid("the platform does not offer canary: no release with a defect can be put on one instance")
    instance = next((each for each in instances(disrupt, "api") if each.via), None)
    if instance is None:
        raise Invalid("no private address of any instance of the API")
    session = signed_in(disrupt)
    trace, request, cookie = secrets.token_hex(16), secrets.token_hex(16), secrets.token_hex(24)
    release = disrupt.platform.canary([instance.name], [DEFECT]).release
    headers = {
        "traceparent": f"00-{trace}-{secrets.token_hex(8)}-01",
        "X-Request-Id": request,
        "Cookie": f"session={cookie}",
        **_authorization(session),
    }
    answer = disrupt.http.get(instance.url("/v1/assets"), via=instance.via, headers=headers)
    if answer.status != 500:
        raise Invalid(f"the release with a defect answers {answer.error or answer.status}, not 500")
    within_s = float(disrupt.target("error_reported_s"))
    event = eventually(
        lambda: _event(disrupt, trace, request),
        within_s=within_s,
        what="a report of the error at the collector",
        where=instance.name,
    )
    frame = _last(event)
    said: dict[str, tuple[object, object]] = {
        "the trace of the request": (trace, event.get("contexts", {}).get("trace", {}).get("trace_id")),
        "the id of the request": (request, event.get("tags", {}).get("request_id")),
        "the release": (release, event.get("release")),
        "the instance": (instance.name, event.get("server_name")),
        "the type of the error": (ERROR, _error(event).get("type")),
        "the function": (FUNCTION, frame.get("function")),
    }
    disrupt.evidence("report", {name: seen for name, (_, seen) in said.items()} | {"file": frame.get("abs_path")})
    with disrupt.cases(at_least=len(said) + 3) as cases:
        for name, (expected, seen) in said.items():
            with cases(name):
                require(seen == expected, f"{name} in the report, {expected}", seen, instance.name)
        with cases("the file"):
            where = str(frame.get("abs_path"))
            require(where.endswith(FILE), f"a stack that ends in {FILE}", where, instance.name)
        with cases("no variables"):
            having = [each["function"] for each in _frames(event) if each.get("vars")]
            require(not having, "no variable's value in a report", f"{len(having)} frames with some", instance.name)
        with cases("no secret"):
            text = json.dumps(event)
            found = [what for what, value in _secret(session, cookie).items() if value in text]
            found += disrupt.secrets.find(text.encode())
            require(not found, "no secret in a report", ", ".join(found), instance.name)


def _event(disrupt: Disrupt, trace: str, request: str) -> Mapping[str, Any]:
    """Return the event of a request, which is known by either of its ids; raises Failure with what came instead."""
    events = watch.errors(disrupt)
    for event in events:
        if request in json.dumps(event.get("tags", {})) or trace in json.dumps(event.get("contexts", {})):
            return event
    last = [f"{_error(each).get('type')} of {each.get('server_name')}" for each in events[-3:]]
    raise Failure("a report of the error at the collector", last or "nothing", "services")


def _error(event: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the error itself: the last of a chain."""
    values = (event.get("exception") or {}).get("values") or [{}]
    last: Mapping[str, Any] = values[-1]
    return last


def _frames(event: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return list((_error(event).get("stacktrace") or {}).get("frames") or [])


def _last(event: Mapping[str, Any]) -> Mapping[str, Any]:
    return (_frames(event) or [{}])[-1]


def _authorization(session: Session) -> dict[str, str]:
    return {"Authorization": f"Bearer {session.tokens.access_token}"}


def _secret(session: Session, cookie: str) -> dict[str, str]:
    return {"the access token": session.tokens.access_token, "the cookie": cookie}
