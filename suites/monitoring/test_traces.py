"""Traces: what one upload waited for can be asked for, from the page to the preview, and nothing in it is anybody's secret."""

import json
import secrets
import time
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby

from seatrial import MAJOR, Exercise, Failure, check, eventually, require
from seatrial.cases import Cases
from seatrial.traces import Span, tree
from suites.client import generated_clip, instances, running, signed_in
from suites.deploy._traced import traceparent, upload
from suites.monitoring import _watch as watch
from suites.security._browser import signed_in_browser
from suites.security._secret_shapes import bearers_in

SENDING, STORING = "putting the job on the stream", "storing the preview"
# What is done for an upload and a playback: the services that may do it, and the span's kind and name.
STEPS: Mapping[str, tuple[tuple[str, ...], str, str]] = {
    "announcing at the frontend": (("frontend",), "server", "POST /upload"),
    "asking the API": (("frontend",), "client", "POST"),
    "announcing at the API": (("api",), "server", "POST /v1/assets"),
    "completing at the frontend": (("frontend",), "server", "POST /assets/{id:uuid}/complete"),
    "completing at the API": (("api",), "server", "POST /v1/assets/{asset_id}/complete"),
    "looking at what was sent": (("api",), "client", "S3/HeadObject"),
    "writing to the database": (("api",), "client", "postgresql"),
    SENDING: (("api", "worker"), "producer", "send jobs:preview"),  # by the relay, when Redis had no time for the API
    "working on the job": (("worker",), "consumer", "process jobs:preview"),
    "fetching the original": (("worker",), "client", "S3/GetObject"),
    "encoding the preview": (("worker",), "internal", "encode preview"),
    STORING: (("worker",), "client", "S3/PutObject"),
    "playing at the edge": (("edge",), "server", "GET /v/{asset_id}/{variant}"),
    "fetching the preview": (("edge",), "client", "S3/GetObject"),
}
WAY_BACK = ("worker", "api", "frontend")


@check("MON-10", severity=MAJOR, component="monitoring", needs=("traces",))
def test_the_trace_of_an_upload_is_whole(exercise: Exercise) -> None:
    """The trace of one upload can be asked for: what every service did for it, whose child that was, and how long it took.

    Why it matters: "the upload was slow" is said of four services, a queue, a database and a store. With the trace, on-call reads
    which of them was waited for; with one that breaks at the queue, the half that is missing is the one that was slow. And spans
    go to whoever looks at traces, often another company: a signed link in one of them is everybody's.

    How it is measured: a browser uploads a clip through the frontend and plays its preview at the edge, each request with a
    traceparent of ours that asks for the trace to be collected. Within targets.trace_collected_s after that the collector must have
    spans of one trace for: both requests at the frontend, what it asked of the API, both requests there, the database, the store,
    the message; the worker's job with fetching, encoding and storing; the edge and its store. The parent of every span must be in
    the trace, or be the request that we made; the parents of the stored preview must lead back through worker, API and frontend to
    it. Every span must have lasted for some time, and not longer than the check; it must name an instance and the release that
    this says it runs. No span's name or attribute may hold the asset's id, the query of a link, a cookie, a token or another
    secret.

    Not covered: the share of requests that is collected unasked; spans that are lost on the way, which `trace_spans_total` counts;
    traces of what fails.
    """
    began_s, trace, caller = time.monotonic(), secrets.token_hex(16), secrets.token_hex(8)
    header, clip = traceparent(trace, caller), generated_clip(seed=4)
    session, browser = signed_in(exercise), signed_in_browser(exercise)
    created, _ = upload(exercise, browser, session, clip, header)
    asset_id = created.asset.id
    session.wait(asset_id, within_s=float(exercise.target("preview_s")))
    link = session.playback(asset_id).url
    played = exercise.http.get(link, headers=header, timeout_s=30.0)
    require(played.status == 200, "200 for the preview", f"{played}", "edge")
    spans = _collected(exercise, trace, caller)
    exercise.evidence("trace", {"id": trace, "tree": tree(spans)})
    given = {"the asset's id": asset_id, "the playback link": link.partition("?")[2]}
    given |= {"the access token": session.tokens.access_token} | {
        f"the cookie {n}": v for n, v in browser.cookies.items()
    }
    if created.upload is not None and created.upload.url:
        given["the upload link"] = created.upload.url.partition("?")[2]
    with exercise.cases(at_least=len(STEPS) + 3) as cases:
        for step in STEPS:
            with cases(step):
                _require_step(spans, step)
        with cases("every parent"):
            lost = [f"{each.name} of {each.service}" for each in _without_parent(spans, caller)]
            require(not lost, "the parent of every span in the trace", f"{lost} have one that is not there", "services")
        with cases("the way back from the preview"):
            _require_way_back(spans, caller)
        _require_spans(exercise, cases, spans, time.monotonic() - began_s)
        with cases("nothing of anybody's"):
            _require_clean(exercise, spans, given)


def _collected(exercise: Exercise, trace: str, caller: str) -> list[Span]:
    """Wait for the whole trace, which the services send piece by piece; return what there is of it where it stays in pieces."""

    def whole() -> list[Span]:
        spans = watch.trace(exercise, trace)
        missing = [step for step in STEPS if not any(_does(each, step) for each in spans)]
        return [] if missing or any(_without_parent(spans, caller)) else spans

    within_s = float(exercise.target("trace_collected_s"))
    try:
        return eventually(whole, within_s=within_s, what="the whole trace at the collector", where="traces")
    except Failure:
        return watch.trace(exercise, trace)


def _does(span: Span, step: str) -> bool:
    services, kind, name = STEPS[step]
    return span.service in services and (span.kind, span.name) == (kind, name)


def _require_step(spans: Sequence[Span], step: str) -> None:
    services, kind, name = STEPS[step]
    seen = sorted({f"{each.kind} {each.name}" for each in spans if each.service in services})
    what = f"a span of {step} ({kind} {name} of {services[0]})"
    require(any(_does(each, step) for each in spans), what, f"{seen or 'no span of it at all'}", services[0])


def _without_parent(spans: Sequence[Span], caller: str) -> Iterator[Span]:
    known = {each.id for each in spans} | {caller}
    return (each for each in spans if each.parent not in known)


def _require_way_back(spans: Sequence[Span], caller: str) -> None:
    """Follow the parents of a stored preview, and name the services on the way."""
    by_id = {each.id: each for each in spans}
    at = next((each for each in spans if _does(each, STORING)), None)
    way: list[Span] = []
    while at is not None and at not in way:
        way.append(at)
        at = by_id.get(at.parent)
    services = tuple(service for service, _ in groupby(each.service for each in way))
    root = way[-1].parent if way else ""
    seen = f"{' <- '.join(each.name for each in way) or 'nothing'}, of {services}, below {root or 'nobody'}"
    require((services, root) == (WAY_BACK, caller), f"{WAY_BACK} on the way back to the browser", seen, "services")


def _require_spans(exercise: Exercise, cases: Cases, spans: Sequence[Span], elapsed_s: float) -> None:
    """Hold each instance's spans against what it says it runs, and against the time that there was."""
    run = {each.name: running(exercise, each).release for each in instances(exercise)}
    for name, found in groupby(sorted(spans, key=lambda each: each.instance), key=lambda each: each.instance):
        with cases(f"the spans of {name}"):
            of_one = list(found)
            releases = {each.release for each in of_one}
            require(releases == {run.get(name)}, f"spans of release {run.get(name)}", f"{releases}", name)
            odd = [f"{each.name}: {each.duration_s:.6f} s" for each in of_one if not 0 < each.duration_s <= elapsed_s]
            require(not odd, f"spans that lasted more than 0 s and at most {elapsed_s:.1f} s", f"{odd}", name)


def _require_clean(exercise: Exercise, spans: Sequence[Span], given: Mapping[str, str]) -> None:
    text = json.dumps([{"name": each.name, **each.attributes} for each in spans])
    found = [what for what, value in given.items() if value and value in text]
    found += [*bearers_in(text), *exercise.secrets.find(text.encode())]
    require(not found, "nothing that a user sent, and no secret, in a span", ", ".join(found), "services")
