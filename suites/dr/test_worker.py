"""Measured drills on the worker."""

import time
from collections.abc import Callable
from typing import Any

from seatrial import BLOCKER, Destroy, Invalid, check, eventually, require
from seatrial.drills import Ledger, require_whole
from seatrial.outcome import Level
from suites.client import (
    Asset,
    Instance,
    Session,
    generated_clip,
    instances,
    remove,
    signed_in,
    small_clip,
)
from suites.deploy import media

STREAM, GROUP, DEAD = "jobs:preview", "workers", "jobs:preview:dead"
BESIDE = 3
GRACE_S = 2.0


@check("DR-WK-01", severity=BLOCKER, component="worker")
def test_a_killed_workers_job_is_reclaimed(destroy: Destroy) -> None:
    """A worker killed in the middle of a job: the job is reclaimed within lease + 2 s, with exactly one visible result.

    Why it matters: machines die, and at-least-once delivery has two ways to go wrong: the job waits for ever with the
    dead worker, or it is done twice and the second result replaces what somebody is watching.

    How it is measured: four uploads are acknowledged, one of them long. While that one is being worked on, the worker
    which holds its lease is killed with SIGKILL. Manipulation check: the process and its FFmpeg are gone from the
    platform's process tree, else INVALID. Clocks from the kill: a worker is ready, the job is claimed again (its
    second attempt in Postgres), the preview is ready. The claim must come within targets.lease_s + 2 s. Afterwards
    there is one job, done in two attempts, two objects of the asset and no more, a preview of the full duration that
    is not replaced later, no pending entry, no new dead letter, every instance ready, and every acknowledged upload
    found, once, and ready.

    Not covered: a worker that hangs instead of dying, and its late write; a lost machine with its disk; jobs that kill
    every worker (DR-WK-02).
    """
    drill = Drill(destroy)
    drill.require_steady("before the strike")
    dead_letters = destroy.redis.read("XLEN", DEAD)
    session, ledger = signed_in(destroy), Ledger()
    long = _upload(
        destroy, session, ledger, "long", generated_clip(seed=2, duration_s=20, width=1920, height=1080).content
    )
    for number in range(BESIDE):
        _upload(destroy, session, ledger, f"beside {number}", small_clip().content)
    job, part = drill.in_the_middle_of(long)
    drill.kill(part)
    seconds = drill.recovered(session, long, job)
    destroy.evidence("RTO, seconds after the kill", seconds)
    limit_s = float(destroy.target("lease_s")) + GRACE_S
    with destroy.cases(at_least=5) as cases:
        with cases("reclaimed in time"):
            found = f"after {seconds['job reclaimed']} s"
            require(seconds["job reclaimed"] <= limit_s, f"the job reclaimed within {limit_s:g} s", found)
        with cases("exactly one visible result"):
            etags = _objects(destroy, long)
            _require_preview(destroy, session, long, 20.0)
        with cases("every acknowledged upload"):
            for asset in [each for each in session.assets() if each.title.startswith(destroy.marker)]:
                session.wait(asset.id, within_s=float(destroy.target("preview_s")))
            titles = (each.title for each in session.assets() if each.title.startswith(destroy.marker))
            audit = ledger.audit(titles)
            destroy.evidence("RPO, audit of acknowledged uploads", audit.to_json())
            require_whole(audit, at_least=BESIDE + 1)
        with cases("nothing is left over"):
            drill.require_steady("after the recovery")
            what = "no pending entry on the stream"
            eventually(lambda: _pending(destroy) == 0, within_s=5, what=what, where="redis")
            letters = destroy.redis.read("XLEN", DEAD)
            require(letters == dead_letters, f"{dead_letters} dead letters, as before", f"{letters}", "redis")
        with cases("one job, one result, not replaced"):
            rows = destroy.pg.rows("select state, attempts from jobs where asset_id = %s", (long.id,))
            require(rows == [{"state": "done", "attempts": 2}], "one job, done in two attempts", f"{rows}", "postgres")
            require(_objects(destroy, long) == etags, "the result that was visible first", "another one by now", "s3")


class Drill:
    """One kill and its clocks."""

    def __init__(self, destroy: Destroy) -> None:
        assert destroy.LEVEL is Level.DESTROY
        self._destroy = destroy
        self._workers = instances(destroy, "worker")
        self._struck = 0.0
        if not self._workers or not destroy.platform.offers("kill"):
            raise Invalid("no worker can be killed here: the profile lists none, or the platform does not offer kill")

    def require_steady(self, when: str) -> None:
        """Demand that every instance is ready, within targets.ready_s."""
        within_s = float(self._destroy.target("ready_s"))
        for each in instances(self._destroy):
            what = f"ready of {each.name} {when}"
            eventually(_ready(self._destroy, each), within_s=within_s, every_s=0.2, what=what, where=each.name)

    def in_the_middle_of(self, asset: Asset) -> tuple[str, str]:
        """Wait until a worker with a running FFmpeg holds the asset's job; return the job's id and the worker's part."""

        def running() -> tuple[str, str] | None:
            rows = self._destroy.pg.rows("select id, state, lease_owner from jobs where asset_id = %s", (asset.id,))
            if not rows or rows[0]["state"] != "running":
                return None
            part = str(rows[0]["lease_owner"]).rpartition(".")[0]
            busy = any(each.part == part and "ffmpeg" in each.command for each in self._destroy.platform.processes())
            return (str(rows[0]["id"]), part) if busy else None

        try:
            return eventually(running, within_s=30, every_s=0.05, what="the job in the middle of FFmpeg") or ("", "")
        except AssertionError as error:
            raise Invalid(f"no worker could be caught in mid-job: {error}") from None

    def kill(self, part: str) -> None:
        """Kill it and make sure, by the process tree, that it and its FFmpeg are dead."""
        before = {each.pid for each in self._destroy.platform.processes() if each.part == part}
        self._struck = time.monotonic()
        self._destroy.platform.kill(part, signal="KILL")

        def gone() -> bool:
            return not before & {each.pid for each in self._destroy.platform.processes()}

        try:
            eventually(gone, within_s=3, every_s=0.05, what=f"the processes {sorted(before)} of {part} gone")
        except AssertionError as error:
            raise Invalid(f"the kill is not in effect: {error}") from None
        self._destroy.evidence("strike", {"part": part, "signal": "KILL", "processes gone": sorted(before)})

    def recovered(self, session: Session, asset: Asset, job: str) -> dict[str, float]:
        """Return seconds from the kill to: a worker ready, the job claimed again, the preview ready."""
        budget_s = float(self._destroy.target("preview_s"))
        reached: dict[str, float] = {}
        stages: dict[str, Callable[[], Any]] = {
            "worker ready": lambda: any(_answers_ready(self._destroy, each) for each in self._workers),
            "job reclaimed": lambda: self._attempts(job) >= 2,
            "preview ready": lambda: session.asset(asset.id).status == "ready",
        }

        def all_reached() -> bool:
            for name, stage in stages.items():
                if name not in reached and stage():
                    reached[name] = round(time.monotonic() - self._struck, 2)
            missing = [name for name in stages if name not in reached]
            require(not missing, "every stage of the recovery", f"not yet: {', '.join(missing)}; reached: {reached}")
            return True

        what = f"the job reclaimed and its preview ready after the worker was killed (lease {self._destroy.target('lease_s')} s)"
        eventually(all_reached, within_s=budget_s, every_s=0.05, what=what, where="worker")
        return reached

    def _attempts(self, job: str) -> int:
        rows = self._destroy.pg.rows("select attempts from jobs where id = %s::uuid", (job,))
        return int(rows[0]["attempts"]) if rows else 0


def _upload(destroy: Destroy, session: Session, ledger: Ledger, title: str, content: bytes) -> Asset:
    name = ledger.ask(f"{destroy.marker} {title}")
    created = session.create(name, content)
    destroy.cleanup(remove, session, created.asset.id)
    require(created.upload is not None, "somewhere to upload to", f"{created}")
    assert created.upload is not None
    asset = session.complete(created.asset.id, session.put(created.upload, content))
    ledger.acknowledge(name)
    return asset


def _objects(destroy: Destroy, asset: Asset) -> dict[str, str]:
    found = {each.key: each.etag for each in destroy.s3.list("previews", f"previews/{asset.id}/")}
    wanted = {f"previews/{asset.id}/preview.mp4", f"previews/{asset.id}/poster.jpg"}
    require(set(found) == wanted, "one preview and one poster", f"{sorted(found)}", "s3")
    return found


def _require_preview(destroy: Destroy, session: Session, asset: Asset, duration_s: float) -> None:
    answer = destroy.http.get(session.playback(asset.id).url, timeout_s=30.0)
    require(answer.status == 200, "200 for the preview's signed link", f"{answer}", "edge")
    seen_s = media.inspect(answer.body, "the preview").duration_s
    require(abs(seen_s - duration_s) <= 0.2, f"a preview of {duration_s:g} s", f"{seen_s:.2f} s")


def _pending(destroy: Destroy) -> int:
    summary = destroy.redis.read("XPENDING", STREAM, GROUP)
    return int(summary["pending"])


def _ready(destroy: Destroy, instance: Instance) -> Callable[[], bool]:
    return lambda: _answers_ready(destroy, instance)


def _answers_ready(destroy: Destroy, instance: Instance) -> bool:
    path = destroy.profile.services[instance.service].ready
    return destroy.http.get(instance.url(path), via=instance.via, timeout_s=2.0).status == 200
