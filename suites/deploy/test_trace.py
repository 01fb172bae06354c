"""One request, followed through everything that it sets in motion."""

import json
import secrets
from collections.abc import Callable, Mapping
from typing import Any

from seatrial import MAJOR, Exercise, Failure, Invalid, check, eventually, require
from seatrial.cases import Cases
from seatrial.probes.http import HttpAnswer
from suites.client import generated_clip, signed_in
from suites.deploy._traced import traceparent, upload
from suites.security._browser import signed_in_browser

STREAM = "jobs:preview"
LINES = 2000
WRITTEN_WITHIN_S = 5.0
SEEN_WITHIN_S = 10.0
Line = Mapping[str, Any]


@check("DEP-COM-01", severity=MAJOR, component="services")
def test_one_trace_id_crosses_every_service(exercise: Exercise) -> None:
    """The trace id that a caller sends crosses frontend, API, stream, worker, storage and edge, and stands in their logs.

    Why it matters: an upload goes through four services and a queue. Without one id through all of them, "my video never
    came" is a search by guesswork through as many logs; one that is lost at one place is lost for all that follow.

    How it is measured: a made-up trace id is sent in a traceparent header (W3C Trace Context) with the requests of a browser
    that announces and completes an upload at the frontend, and with the one that plays the preview at the edge. It must
    stand in: the log line of each of these requests at the frontend; that of the API for what the frontend asked of it; the
    row of the outbox, in what it keeps of its request; the entry of the stream, read while the job is worked on; the worker's
    lines that claim the job and end it, and no line of the worker about this asset may have another; the metadata of the
    preview and of the poster in the store; the edge's line. The X-Request-Id of each answer to the browser must stand in
    lines with the trace id, so that what a user reads on a page of errors leads to it.

    Not covered: spans and their parents (MON-10); ids that come malformed; what a store or a proxy logs of its own.
    """
    trace = secrets.token_hex(16)
    clip = generated_clip(seed=4)
    session, browser = signed_in(exercise), signed_in_browser(exercise)
    logs = _Logs(exercise)
    with exercise.cases(at_least=14) as cases:
        created, answers = upload(exercise, browser, session, clip, traceparent(trace))
        asset_id = created.asset.id
        complete = f"/assets/{asset_id}/complete"
        wanted: dict[str, tuple[str, Callable[[Line], bool]]] = {
            "announcing at the frontend": ("frontend", _request("POST", "/upload")),
            "completing at the frontend": ("frontend", _request("POST", complete)),
            "announcing at the API": ("api", _request("POST", "/v1/assets")),
            "completing at the API": ("api", _request("POST", f"/v1{complete}")),
        }
        with cases("the stream"):  # first, since the entry goes when the job has ended
            entry = _entry(exercise, asset_id)
            require(entry.get("trace") == trace, f"trace {trace} in the stream's entry", f"{entry}", "api")
        _require_lines(logs, cases, wanted, trace)
        with cases("from the answers at the frontend to their trace"):
            for answer in answers:
                _require_findable(logs, "frontend", answer, trace)
        with cases("the outbox"):
            rows = exercise.pg.rows(
                "select trace from outbox join jobs on jobs.id = job_id where asset_id = %s", (asset_id,)
            )
            require(len(rows) == 1 and trace in rows[0]["trace"], f"trace {trace} in the outbox", f"{rows}", "api")
        session.wait(asset_id, within_s=float(exercise.target("preview_s")))
        for name in ("preview.mp4", "poster.jpg"):
            with cases(f"the metadata of {name}"):
                head = exercise.s3.call(
                    "head_object", Bucket=exercise.s3.bucket("previews"), Key=f"previews/{asset_id}/{name}"
                )
                said = head.data.get("Metadata", {}).get("trace")
                require(said == trace, f"trace {trace} in the metadata of {name}", f"{said}: {head}", "worker")
        played = exercise.http.get(session.playback(asset_id).url, headers=traceparent(trace), timeout_s=30.0)
        require(played.status == 200, "200 for the preview", f"{played}", "edge")
        wanted = {
            "playing at the edge": ("edge", _request("GET", f"/v/{asset_id}/preview")),
            "claiming by the worker": ("worker", lambda line: line.get("message") == "job claimed"),
            "ending by the worker": ("worker", lambda line: line.get("message") == "preview ready"),
        }
        _require_lines(logs, cases, wanted, trace)
        with cases("from the answer at the edge to its trace"):
            _require_findable(logs, "edge", played, trace)
        with cases("no other id in the worker"):
            others = {f"{each.get('trace_id')}" for each in logs.lines("worker") if each.get("asset_id") == asset_id}
            require(
                others == {trace},
                f"trace {trace} alone in the worker's lines of this asset",
                f"{sorted(others)}",
                "worker",
            )
    exercise.evidence("trace", {"id": trace, "asset": asset_id})


def _entry(exercise: Exercise, asset_id: str) -> dict[str, str]:
    """Catch the job's entry on the stream, which is there until the job has ended."""

    def caught() -> dict[str, str]:
        for _, fields in exercise.redis.read("XRANGE", STREAM, "-", "+"):
            if fields.get("asset_id") == asset_id:
                return dict(fields)
        if exercise.pg.rows("select 1 from jobs where asset_id = %s and state in ('done', 'failed')", (asset_id,)):
            raise Invalid("the job had ended before its entry was seen on the stream, so nothing can be said of it")
        return {}

    what = "the job's entry on the stream"
    return eventually(caught, within_s=SEEN_WITHIN_S, every_s=0.02, what=what, where="redis")


def _request(method: str, path: str) -> Callable[[Line], bool]:
    return lambda line: (line.get("message"), line.get("method"), line.get("path")) == ("request", method, path)


def _require_lines(
    logs: "_Logs", cases: Cases, wanted: Mapping[str, tuple[str, Callable[[Line], bool]]], trace: str
) -> None:
    """Look for the lines at once after what wrote them: a platform shows the last ones, and others write too."""
    for what, (service, fits) in wanted.items():
        with cases(what):
            _require_line(logs, service, what, trace, fits)


def _require_line(logs: "_Logs", service: str, what: str, trace: str, fits: Callable[[Line], bool]) -> None:
    def found() -> bool:
        seen = [f"{line.get('trace_id')}" for line in logs.lines(service) if fits(line)]
        if trace in seen:
            return True
        raise Failure(
            f"a line of {service} with trace {trace}", f"such lines have {seen[-3:] or 'never been written'}", service
        )

    eventually(found, within_s=WRITTEN_WITHIN_S, what=f"{what}: a line with trace {trace}", where=service)


def _require_findable(logs: "_Logs", service: str, answer: HttpAnswer, trace: str) -> None:
    given = answer.headers.get("x-request-id", "")
    seen = {f"{line.get('trace_id')}" for line in logs.lines(service) if line.get("request_id") == given}
    require(seen == {trace}, f"X-Request-Id {given} to lead to trace {trace}", f"it leads to {sorted(seen)}", service)


class _Logs:
    """The logs of each instance that there has been since this was made: who answered may have been scaled away since, or come."""

    def __init__(self, exercise: Exercise) -> None:
        self._platform = exercise.platform
        self._names: dict[str, set[str]] = {}
        self._note()

    def lines(self, service: str) -> list[Line]:
        """Return the last lines of every instance of a service; what is no JSON is not the service's own."""
        self._note()
        found: list[Line] = []
        for name in sorted(self._names.get(service, ())):
            for text in self._platform.logs(name, LINES):
                try:
                    line = json.loads(text)
                except ValueError:
                    continue
                if isinstance(line, dict):
                    found.append(line)
        return found

    def _note(self) -> None:
        for part in self._platform.status().parts.values():
            self._names.setdefault(part.service, set()).add(part.name)
