"""The drill on full disks: where workers and edges keep their working files."""

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from seatrial import BLOCKER, Disrupt, Invalid, Plan, check, eventually, require
from seatrial.cases import Cases
from seatrial.drills import Drill
from seatrial.platform import Place
from seatrial.traffic import Traffic
from suites.client import Asset, Instance, Session, instances, signed_in, small_clip
from suites.dr._callers import Callers
from suites.dr._queue import DEAD, in_the_middle_of, jobs, pending
from suites.dr._steady import steady
from suites.dr._uploads import PREVIEW, Uploads
from suites.monitoring import _exposition as exposition

BESIDE = 3
PUT_BACK_WITHIN_S = 10.0
SAID_WITHIN_S = 5.0  # a readiness report may be a second old
PLAYS_PER_S, PLAYS = 4.0, 12
STRUCK = ("worker", "edge")


@check(
    "DR-DSK-01",
    severity=BLOCKER,
    component="services",
    plan=Plan(
        strikes="no byte is left free where workers work and edges cache, in the middle of a job",
        noticed="whoever waits for a preview: it comes when there is room again; viewers are served from the object store",
        undone="gives the room back",
        undo_s=10,
        answered_by=("INF-RD-05", "DEP-HLT-01"),
    ),
)
def test_a_full_disk_costs_no_job_and_no_play(disrupt: Disrupt) -> None:
    """Disks full at workers and edges: no job is blamed, no play fails, nothing is left behind, and all recovers without help.

    Why it matters: working files are what fills disks. A worker that takes the missing room for the video's fault uses
    up the attempts of everybody's uploads within a minute; an edge that cannot write its cache and therefore refuses
    turns a full disk into an outage; and whoever leaves files behind when a write fails fills the disk himself.

    How it is measured: one preview is played at every edge, another at none. In the middle of a long job every place where the
    platform says that a worker or an edge keeps its files is filled. Manipulation check: the platform finds each of
    them filled, and without a free byte once the job has let go of its files, else INVALID. Meanwhile: the job is back in
    the queue with its attempt taken off, and the worker's log says for this job that the disk is full; uploads are
    accepted and wait without an attempt; the worker is not ready, naming its disk; the edges stay ready, naming their
    cache; at each edge, and for viewers at the public host all the while, both previews are played, whole (200) and in
    part (206), with the bytes of the store. The room is given back, and the clock runs: worker ready, every job done, and the
    other preview answered from the cache again at each edge (its own count of hits), within targets.preview_s and a
    lease. Each job was done at its first attempt, no dead letter was written, every acknowledged upload is there, once, and ready, and the
    platform finds no file in the places that was not there before but the one preview that was played.

    Not covered: disks of databases, of Redis and of the object store; one worker of several that is full; a job that is too
    large for an empty disk, which is given up after its attempts; logs that fill a disk.
    """
    parts = _struck(disrupt)
    session = signed_in(disrupt)
    uploads, dead_letters = Uploads(disrupt, session), disrupt.redis.read("XLEN", DEAD)
    edges, workers = (_reachable(disrupt, service) for service in ("edge", "worker"))
    known, new = (_Played(disrupt, session, uploads.upload(name, small_clip().content)) for name in ("known", "new"))
    for edge in edges:
        known.play(edge.via)
    before = disrupt.platform.disks()
    viewers = Traffic(new.failure, per_s=PLAYS_PER_S)
    with Drill(disrupt, steady(disrupt, session), within_s=float(disrupt.target("ready_s"))) as drill:
        drill.watch("plays", viewers, lambda failure: not failure)
        long = uploads.long()
        job, part = in_the_middle_of(disrupt, long)
        with disrupt.cases(at_least=10) as cases, Callers(disrupt, session, drill) as callers:
            drill.strike(
                f"no byte free at {', '.join(parts)}",
                lambda: _fill(disrupt, parts),
                lambda: all(disrupt.platform.disks()[each].full for each in parts),
            )
            with viewers:
                with cases("the job is not blamed"):
                    _require_put_back(disrupt, long, job, part)
                _fill(disrupt, parts)  # what the job held is free by now
                _require_no_byte(disrupt.platform.disks(), parts)
                waiting = uploads.short(BESIDE)
                _while_full(disrupt, cases, known, new)
                _until(lambda: len(viewers.shots) >= PLAYS, 30.0, f"{PLAYS} plays of viewers")
                with cases("uploads wait"):
                    seen = [(row["state"], row["attempts"]) for row in jobs(disrupt, *waiting)]
                    wanted = [("queued", 0)] * BESIDE
                    require(seen == wanted, f"{BESIDE} jobs queued, none of them tried", f"{seen}", "worker")
                drill.undo()
                with cases("recovery without help"):
                    drill.recover(
                        {
                            "worker ready": lambda: all(_dependencies(disrupt, each)[0] == 200 for each in workers),
                            "cache used again": lambda: all(_hit(disrupt, new, each) for each in edges),
                            "jobs done": lambda: _all_ready(session, long, *waiting),
                        },
                        within_s=float(disrupt.target("preview_s")) + float(disrupt.target("lease_s")),
                        since_undo=True,
                        where="services",
                        stop=callers.harm,
                    )
            with cases("every play"):
                failed = [shot.answer for shot in viewers.shots if shot.answer]
                require(not failed, f"{len(viewers.shots)} plays served", f"{len(failed)} failed: {failed[:3]}", "edge")
            with cases("each job done at its first attempt"):
                uploads.require_whole(BESIDE + 3, drill.struck_s)
                seen = [(row["state"], row["attempts"]) for row in jobs(disrupt, long, *waiting)]
                require(seen == [("done", 1)] * (BESIDE + 1), "each job done, in one attempt", f"{seen}", "worker")
                letters = disrupt.redis.read("XLEN", DEAD)
                require(
                    letters <= dead_letters, f"{dead_letters} dead letters, as before, or fewer", f"{letters}", "redis"
                )
                _until(lambda: pending(disrupt) == 0, SAID_WITHIN_S, "no pending entry on the stream")
            with cases("nothing is left behind"):
                _require_nothing_left(disrupt, before, parts)
            with cases("nobody else notices"):
                callers.judge()
        drill.require_steady()


class _Played:
    """A preview, its link, and what the store holds of it."""

    def __init__(self, disrupt: Disrupt, session: Session, asset: Asset) -> None:
        session.wait(asset.id, within_s=float(disrupt.target("preview_s")))
        stored = disrupt.s3.get("previews", f"previews/{asset.id}/{PREVIEW}")
        if not stored.ok or len(stored.body) < 2:
            raise Invalid(f"no preview of {asset.id} in the store to compare with: {stored}")
        self._disrupt, self._url, self._content = disrupt, session.playback(asset.id).url, stored.body

    def play(self, via: str | None = None) -> None:
        """Demand it whole and in part."""
        failure = self.failure(via)
        require(not failure, "the preview played, whole and in part", failure, "edge")

    def failure(self, via: str | None = None) -> str:
        """Say what is wrong with it, whole or in part; nothing when it is played well."""
        half, host = len(self._content) // 2, {"Host": urlsplit(self._url).netloc}  # part of what a link is signed for
        for status, fields, wanted in (
            (200, {}, self._content),
            (206, {"Range": f"bytes={half}-"}, self._content[half:]),
        ):
            headers = {**fields, **(host if via else {})}
            answer = self._disrupt.http.get(self._url, headers=headers, via=via, timeout_s=SAID_WITHIN_S)
            if answer.status != status:
                return f"{answer.error or answer.status}, not {status}"
            if answer.body != wanted:
                return f"{len(answer.body)} bytes with {status} that are not those of the store"
        return ""


def _struck(disrupt: Disrupt) -> list[str]:
    if not disrupt.platform.offers("disk"):
        raise Invalid("the platform does not offer disk: services have no place of their own here that could be filled")
    status, places = disrupt.platform.status(), disrupt.platform.disks()
    parts = [each.name for service in STRUCK for each in status.instances(service) if each.name in places]
    if {part.rpartition("-")[0] for part in parts} != set(STRUCK):
        raise Invalid(f"there are places of {parts} only, not of a worker and an edge")
    return parts


def _reachable(disrupt: Disrupt, service: str) -> list[Instance]:
    found = [each for each in instances(disrupt, service) if each.via]
    if not found:
        raise Invalid(f"the profile lists no private address of the {service}")
    return found


def _fill(disrupt: Disrupt, parts: list[str]) -> None:
    for part in parts:
        disrupt.platform.fill(part)


def _require_no_byte(places: Mapping[str, Place], parts: list[str]) -> None:
    free = {part: places[part].free_bytes for part in parts if places[part].free_bytes}
    if free:
        raise Invalid(f"the strike is not in effect: bytes are free at {free}")


def _require_put_back(disrupt: Disrupt, asset: Asset, job: str, part: str) -> None:
    def put_back() -> bool:
        seen = [(row["state"], row["attempts"]) for row in jobs(disrupt, asset)]
        require(seen == [("queued", 0)], "the job queued again, its attempt not counted", f"{seen}", "worker")
        return True

    eventually(put_back, within_s=PUT_BACK_WITHIN_S, what="the job put back", where="worker")
    said = [line for line in disrupt.platform.logs(part) if job in line and "disk is full" in line]
    require(bool(said), f"a line of job {job} that says the disk is full", "none", part)


def _while_full(disrupt: Disrupt, cases: Cases, known: "_Played", new: "_Played") -> None:
    with cases("the worker says so and steps back"):
        for each in _reachable(disrupt, "worker"):
            _require_said(disrupt, each, "disk", 503)
    with cases("the edge says so and goes on"):
        for each in _reachable(disrupt, "edge"):
            _require_said(disrupt, each, "cache", 200)
    for edge in _reachable(disrupt, "edge"):
        with cases(f"plays at {edge.name}"):
            known.play(edge.via)
            new.play(edge.via)


def _dependencies(disrupt: Disrupt, instance: Instance) -> tuple[int, dict[str, bool]]:
    path = disrupt.profile.services[instance.service].ready
    answer = disrupt.http.get(instance.url(path), via=instance.via, timeout_s=2.0)
    said: Any = answer.json() if answer.status in {200, 503} else {}
    found = said.get("dependencies", {}) if isinstance(said, dict) else {}
    return answer.status or 0, {name: bool(each["ok"]) for name, each in found.items()}


def _require_said(disrupt: Disrupt, instance: Instance, dependency: str, status: int) -> None:
    def said() -> bool:
        seen, found = _dependencies(disrupt, instance)
        lost = sorted(name for name, ok in found.items() if not ok)
        wanted = f"{status} from the ready probe, with {dependency} lost"
        require((seen, lost) == (status, [dependency]), wanted, f"{seen}, lost: {lost}", instance.name)
        return True

    eventually(said, within_s=SAID_WITHIN_S, every_s=0.2, what=f"{instance.name} naming its {dependency}")


def _hit(disrupt: Disrupt, played: _Played, edge: Instance) -> bool:
    """Say whether the preview, which nothing but this asks for, comes from the cache."""
    hits = _hits(disrupt, edge)
    played.play(edge.via)
    return _hits(disrupt, edge) > hits


def _hits(disrupt: Disrupt, edge: Instance) -> float:
    answer = disrupt.http.get("api:/metrics", via=edge.via)
    if answer.status != 200:
        raise Invalid(f"no metrics of {edge.name}: {answer}")
    return exposition.total([exposition.parse(answer.text, edge.name)], "edge_cache_requests_total", result="hit")


def _all_ready(session: Session, *assets: Asset) -> bool:
    return all(session.asset(each.id).status == "ready" for each in assets)


def _until(question: Callable[[], object], within_s: float, what: str) -> None:
    eventually(question, within_s=within_s, what=what)


def _require_nothing_left(disrupt: Disrupt, before: Mapping[str, Place], parts: list[str]) -> None:
    """Demand that workers have the files of before, and edges at most one more: the preview that was new to them."""

    def clean() -> bool:
        now = disrupt.platform.disks()
        for part in parts:
            more = sorted(now[part].files - before[part].files)
            allowed = 1 if part.startswith("edge-") else 0
            require(len(more) <= allowed, f"no file left behind at {part}", f"{len(more)} more: {more[:3]}", part)
        return True

    eventually(clean, within_s=SAID_WITHIN_S, every_s=0.2, what="places as they were")
