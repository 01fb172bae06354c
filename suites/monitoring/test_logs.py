"""Logs: lines that a program can read, that lead from a caller's complaint to its cause, and that give nothing away."""

import json
import secrets
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

from seatrial import MAJOR, Exercise, Failure, Invalid, check, eventually, require
from suites.client import Instance, instances, ready_asset, signed_in
from suites.security._browser import Browser, signed_in_browser

LINES = 5000
WRITTEN_WITHIN_S = 5.0
RECENT_S = 60.0
LEVELS = frozenset({"debug", "info", "warning", "error", "critical"})
ALWAYS = ("ts", "level", "service", "instance", "release", "message", "logger", "request_id", "trace_id")
OF_A_REQUEST = ("method", "path", "route", "status", "duration_ms")
SHOWN = 3


@check("MON-05", severity=MAJOR, component="services")
def test_logs_are_structured_and_lead_to_a_request_and_hold_no_secret(exercise: Exercise) -> None:
    """Every line of a log is one JSON object with the same fields; a request is found by its ids, and no secret by any.

    Why it matters: in an incident somebody searches the logs of twelve instances for one user's request. A line that is
    plain text is found by nobody's query, one without the id belongs to no request, and a log is read by more people, and
    kept for longer, than any password may be.

    How it is measured: every instance gets a request at its private address, with an id and a trace of our own. It must
    leave one line with both, the route, the status and the time it took, dated within the last minute. From that line on
    every line of that instance must be a JSON object with time, level, service, instance, release, message and both ids.
    Meanwhile somebody signs in, fails to sign in, uploads, plays by a signed link, and uses the frontend: none of the
    password, the wrong password, the tokens, the cookies, the link's signature and that of the upload's URL may stand in any
    line of any instance, nor any other secret that this process holds. Logs are read once a second request, sent to every
    instance after all this, has left its line as well; where the first one is not in the log any more, nothing is concluded.

    Not covered: what parts of the platform other than the services log (SEC-SEC-02); who keeps the logs, and for how long.
    """
    every = [each for each in instances(exercise) if each.via is not None]
    if not every:
        raise Invalid("no private address of any instance")
    trace = secrets.token_hex(16)
    with exercise.cases(at_least=4 * len(every)) as cases:
        first = _mark(exercise, every, trace, "first")
        for each in every:
            with cases(f"{each.name} leads to the request"):
                _require_request(exercise, each, first[each.name], trace)
        said = _say_secrets(exercise)
        last = _mark(exercise, every, trace, "last")
        counted = {}
        for each in every:
            with cases(f"{each.name} leads to the last request"):
                _require_request(exercise, each, last[each.name], trace)
            lines = exercise.platform.logs(each.name, LINES)
            ours = next((number for number, line in enumerate(lines) if first[each.name] in line), None)
            if ours is None:
                raise Invalid(f"the line of the first request to {each.name} is not among its last {LINES} any more")
            with cases(f"{each.name} is structured"):
                wrong = [problem for line in lines[ours:] if (problem := _unstructured(line, each))]
                require(not wrong, "every line to be one JSON object with the fields of all", wrong[:SHOWN], each.name)
            with cases(f"{each.name} gives nothing away"):
                text = "\n".join(lines)
                found = [what for what, value in said.items() if value in text]
                found += exercise.secrets.find(text.encode())
                require(not found, "no secret in a log", ", ".join(found), each.name)
            counted[each.name] = len(lines) - ours
        exercise.evidence("lines", counted)
        exercise.evidence("looked for", sorted(said))


def _mark(exercise: Exercise, every: Sequence[Instance], trace: str, name: str) -> dict[str, str]:
    """Send each instance a request at its private address, and return the ids by instance."""
    marks = {each.name: f"{exercise.marker}-{name}-{each.name}" for each in every}
    for each in every:
        path = exercise.profile.services[each.service].version
        headers = {"X-Request-Id": marks[each.name], "traceparent": f"00-{trace}-{secrets.token_hex(8)}-01"}
        exercise.http.get(each.url(path), via=each.via, headers=headers)
    return marks


def _require_request(exercise: Exercise, instance: Instance, mark: str, trace: str) -> None:
    def found() -> Mapping[str, Any]:
        lines = [line for line in exercise.platform.logs(instance.name, LINES) if mark in line]
        for line in lines:
            read = _read(line)
            if read and (read.get("request_id"), read.get("trace_id"), read.get("message")) == (mark, trace, "request"):
                return read
        raise Failure(f"a line of {instance.name} with the request's id and trace", lines[-1:] or "none", instance.name)

    what = f"the line of a request to {instance.name}"
    line = eventually(found, within_s=WRITTEN_WITHIN_S, what=what, where=instance.name)
    missing = [name for name in OF_A_REQUEST if name not in line]
    require(
        not missing, "the line of a request to say what was asked and what became of it", f"no {missing}", instance.name
    )
    age_s = (datetime.now(UTC) - datetime.fromisoformat(str(line["ts"]))).total_seconds()
    require(abs(age_s) < RECENT_S, "a line to be dated when it was written", f"{age_s:.0f} s ago", instance.name)


def _read(line: str) -> dict[str, Any] | None:
    try:
        read = json.loads(line)
    except ValueError:
        return None
    return read if isinstance(read, dict) else None


def _unstructured(line: str, instance: Instance) -> str:
    """Say what is wrong with a line; nothing when it is as it should be."""
    read = _read(line)
    if read is None:
        return f"no object: {line[:120]!r}"
    if missing := [name for name in ALWAYS if name not in read]:
        return f"no {', '.join(missing)}: {line[:120]!r}"
    who = (read["service"], read["instance"])
    if who != (instance.service, instance.name) or read["level"] not in LEVELS:
        return f"of {who}, level {read['level']!r}: {line[:120]!r}"
    return ""


def _say_secrets(exercise: Exercise) -> dict[str, str]:
    """Use everything that must not be written down, and return it: what it is -> its value."""
    email, password = exercise.account
    wrong = secrets.token_urlsafe(24)
    exercise.http.post("api:/v1/sessions", json={"email": email, "password": wrong})
    session = signed_in(exercise)
    browser: Browser = signed_in_browser(exercise)
    browser.send("GET", "/assets")
    asset = ready_asset(exercise, session)
    link = session.playback(asset.id).url
    exercise.http.get(link)
    announced = session.create(f"{exercise.marker} announced", b"0")
    exercise.cleanup(session.remove, announced.asset.id)
    upload = announced.upload.url if announced.upload else None
    said = {
        "the password": password,
        "a wrong password": wrong,
        "the access token": session.tokens.access_token,
        "the refresh token": session.tokens.refresh_token,
        "the link's signature": parse_qs(urlsplit(link).query)["sig"][0],
        **{f"the cookie {name}": value for name, value in browser.cookies.items()},
    }
    if upload:
        said["the signature of the upload's URL"] = parse_qs(urlsplit(upload).query)["X-Amz-Signature"][0]
    return said
