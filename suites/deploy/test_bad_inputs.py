"""Uploads that can never become a preview."""

import html
import re
import time
from contextlib import suppress
from typing import Any

from seatrial import BLOCKER, Exercise, Failure, Invalid, check, eventually, require
from suites.client import Asset, Session, generated_clip, remove, signed_in, small_clip, uploaded_asset
from suites.deploy._bad_media import Bad, bad_files
from suites.security._browser import PAGE, Browser, signed_in_browser

DEAD = "jobs:preview:dead"
# What means something to whoever runs the system, and to its user nothing.
INTERNAL = re.compile(r"Traceback|Error\b|Exception|errno|0x[0-9a-f]+|/(tmp|usr|home|var|proc)/", re.IGNORECASE)
ANOTHER = "not the one that was announced"
LIKELY_KINDS = 10


@check("DEP-FLOW-03", severity=BLOCKER, component="worker")
def test_bad_files_fail_with_a_reason_and_hold_nothing_up(exercise: Exercise) -> None:
    """A bad file ends as failed, at the first attempt, with a reason that its owner understands; nothing else is held up.

    Why it matters: whoever may upload may upload anything. A file that crashes the worker is tried again by the next one
    (a poison message) until no worker is left; one that is decoded for an hour stops everybody's previews; one that fails
    without a reason ends as a call to support.

    How it is measured: files are uploaded of which each is bad in its own way: empty, cut short, a zip bomb, a picture,
    sound alone, a playlist that names a file of the server, too wide, too many pixels, too long, too many frames for an
    encoder; behind them a good clip. That must be ready within targets.preview_s of its first call. Each bad one must be
    failed by then, its reason must name what is wrong and hold nothing of the inside, and stand on the asset's page, its
    one job must have ended at the first attempt, and no preview may have been published. A file of another length or other
    content than was announced, sent in a part (a single PUT is signed for its length), must be refused at completion with
    409 and the reason, and not be queued. What is announced as no video at all must be 422. When the good clip is ready,
    other bytes take the place of its original and its preview is removed, both with the API's key; made again, it must fail
    as another file than was announced, which of a file over 1 GiB only the worker finds out. Afterwards no dead letter has
    been added, and, where a platform tells, every worker is the process that it was.

    Not covered: files made to attack a decoder (keep FFmpeg up to date).
    """
    session, bad, good = signed_in(exercise), bad_files(), small_clip()
    if len(bad) < LIKELY_KINDS:
        raise Invalid(f"{len(bad)} kinds of bad files, at least {LIKELY_KINDS} were expected")
    budget_s = float(exercise.target("preview_s"))
    told_of = exercise.platform.offers("status")
    workers, dead_letters = _ready_workers(exercise) if told_of else {}, exercise.redis.read("XLEN", DEAD)
    browser = signed_in_browser(exercise)
    uploads = {each.name: _uploaded(exercise, session, each) for each in bad}
    until_s = time.monotonic() + budget_s
    beside = uploaded_asset(exercise, session, good, "beside them")
    told: dict[str, str] = {}
    with exercise.cases(at_least=3 * LIKELY_KINDS + 6 + told_of) as cases:
        with cases("the good clip beside them"):
            session.wait(beside.id, within_s=max(0.0, until_s - time.monotonic()))
        for each in bad:
            with cases(each.name):
                told[each.name] = _require_failed(session, uploads[each.name], each, until_s)
            with cases(f"{each.name}: one job, one attempt, no preview"):
                _require_ended(exercise, uploads[each.name])
            with cases(f"{each.name}: told on its page"):
                _require_told(browser, uploads[each.name], told.get(each.name, each.told))
        for name, content, words in (("shorter", b"v" * 99, "99 bytes"), ("another", b"w" * 100, "SHA-256")):
            with cases(f"{name} than announced"):
                told[name] = _require_refused(exercise, session, b"v" * 100, content, words)
        with cases("announced as no video"):
            answer = session.call("POST", "/v1/assets", json=_no_video())
            require(answer.status == 422, "422 for a content type that is no video's", f"{answer.status}", "api")
        with cases("another original afterwards"):
            told["another original"] = _require_noticed(exercise, session, beside, budget_s)
        if told_of:
            with cases("the workers"):
                now, what = _workers(exercise), "every worker the process that it was, not restarted"
                require(now == workers, what, f"{now}, was {workers}", "worker")
        with cases("dead letters"):
            letters = exercise.redis.read("XLEN", DEAD)
            require(letters <= dead_letters, f"{dead_letters} dead letters, as before, or fewer", f"{letters}", "redis")
    exercise.evidence("told", told)


def _uploaded(exercise: Exercise, session: Session, bad: Bad) -> Asset:
    created = session.create(f"{exercise.marker} {bad.name}", bad.content)
    exercise.cleanup(remove, session, created.asset.id)
    assert created.upload is not None
    return session.complete(created.asset.id, session.put(created.upload, bad.content))


def _require_failed(session: Session, upload: Asset, bad: Bad, until_s: float) -> str:
    """Wait until the upload has ended, or the time is over; then it must have failed. Return its reason."""
    with suppress(Failure):
        session.wait(upload.id, within_s=until_s - time.monotonic(), until=frozenset({"failed"}))
    asset = session.asset(upload.id)
    require(asset.status == "failed", f"status failed, in time, of a file that is {bad.name}", asset.status, "worker")
    reason = asset.failure_reason or ""
    require(bad.told in reason, f"a reason that says {bad.told!r}", repr(reason), "worker")
    require(not INTERNAL.search(reason), "a reason that says nothing of the inside", repr(reason), "worker")
    return reason


def _require_ended(exercise: Exercise, upload: Asset) -> None:
    rows = exercise.pg.rows("select state, attempts from jobs where asset_id = %s", (upload.id,))
    require(rows == [{"state": "failed", "attempts": 1}], "one job, failed at the first attempt", f"{rows}", "worker")
    bucket = exercise.s3.bucket("previews")
    answer = exercise.s3.call("list_objects_v2", Bucket=bucket, Prefix=f"previews/{upload.id}/")
    require(answer.ok and not answer.data.get("KeyCount", 0), "nothing published", f"{answer}", "worker")


def _require_told(browser: Browser, upload: Asset, reason: str) -> None:
    page = browser.send("GET", f"/assets/{upload.id}", headers=PAGE)
    require(page.status == 200, "200 for a failed asset's page", page.error or page.status, "frontend")
    what = f"a page that says {reason!r}"
    require(reason in html.unescape(page.text), what, page.text.partition("<main")[2][:300], "frontend")


def _require_refused(exercise: Exercise, session: Session, announced: bytes, sent: bytes, words: str) -> str:
    created = session.create(f"{exercise.marker} not as announced", announced, multipart=True)
    exercise.cleanup(remove, session, created.asset.id)
    assert created.upload is not None
    parts = session.put(created.upload, sent)
    answer = session.call("POST", f"/v1/assets/{created.asset.id}/complete", json={"parts": parts}, timeout_s=30.0)
    require(answer.status == 409, "409 for what is not as announced", f"{answer.status} {answer.text[:200]}", "api")
    said = str(answer.json().get("detail", ""))
    require(words in said, f"a reason that says {words!r}", repr(said), "api")
    status = session.asset(created.asset.id).status
    require(status == "awaiting_upload", "nothing queued", f"status {status}", "api")
    return said


def _require_noticed(exercise: Exercise, session: Session, asset: Asset, within_s: float) -> str:
    """Put another clip in the place of an original that was accepted, and have the preview made again; return its reason."""
    other = generated_clip(seed=2, duration_s=1, width=320, height=240, frames_per_s=10)
    api = exercise.s3.service("api")
    for done in (
        api.call("put_object", Bucket="staging", Key=f"uploads/{asset.id}", Body=other.content),
        api.call("delete_object", Bucket="previews", Key=f"previews/{asset.id}/preview.mp4"),
    ):
        if not done.ok:
            raise Invalid(f"the original could not be replaced, or its preview removed: {done}")
    session.remake(asset.id)
    seen = session.wait(asset.id, within_s=within_s, until=frozenset({"failed"}))
    said = f"{seen.status}, {seen.failure_reason}"
    noticed = seen.status == "failed" and ANOTHER in (seen.failure_reason or "")
    require(noticed, f"a replaced original that fails as {ANOTHER!r}", said, "worker")
    return str(seen.failure_reason)


def _no_video() -> dict[str, Any]:
    return {"title": "t", "filename": "a.pdf", "content_type": "application/pdf", "size_bytes": 1, "sha256": "0" * 64}


def _ready_workers(exercise: Exercise) -> dict[str, tuple[int | None, int]]:
    """Wait until every worker is ready, then return what each is."""

    def ready() -> bool:
        parts = exercise.platform.status().instances("worker")
        return bool(parts) and all(part.state == "ready" for part in parts)

    eventually(ready, within_s=float(exercise.target("ready_s")), what="every worker ready", where="worker")
    return _workers(exercise)


def _workers(exercise: Exercise) -> dict[str, tuple[int | None, int]]:
    """Return process and restarts of each worker, in whatever state it is."""
    return {part.name: (part.pid, part.restarts) for part in exercise.platform.status().instances("worker")}
