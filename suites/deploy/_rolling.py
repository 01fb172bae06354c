"""Traffic that must not notice when instances come and go, and what became of it.

Short requests of every kind, requests whose body takes its time, downloads, and uploads with their jobs: all fall due on
schedule, whatever becomes of those before them.
"""

import contextlib
import hashlib
import itertools
import json
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from statistics import median
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from seatrial import Disrupt, Invalid, eventually, require
from seatrial.drills import Ledger, require_whole
from seatrial.probes.raw import Send
from seatrial.traffic import Shot, Traffic, shuffled
from suites.client import Asset, Instance, generated_clip, instances, ready_asset, remove, signed_in, small_clip
from suites.client.instances import HOSTS

SHORT_PER_S, LONG_PER_S, DOWNLOADS_PER_S, UPLOADS_PER_S = 14.0, 2.0, 0.75, 0.5
SHORT_WITHIN_S = 5.0
LONG_S, DOWNLOAD_S = 4.0, 4.0  # longer than the balancer's notice, well within targets.drain_s
DOWNLOAD_BYTES = 24 << 20  # more than the sockets on the way hold
RANGE_BYTES = 65_536
LONG_CLIP_S, SPARE_JOBS = 6, 2  # one for the worker on trial, and one that waits
EVERY_S = 0.1  # a worker says for more than a second that it was told to stop
LATE_S, LATE_SHARE = (
    1.0,
    0.02,
)  # new processes take the machine for a moment; nothing here is judged by how long it took
DRAINED = 0.8  # of the time to drain is for requests under way, the rest for the notice
BUSY = 1.25  # times what a request is planned to last
PLANNED_S = {"long": LONG_S, "downloads": DOWNLOAD_S}
AT_LEAST = {"short": 120, "long": 16, "downloads": 6, "jobs": 3}


@dataclass(frozen=True)
class Reply:
    """What became of one request.

    Attributes:
        kind: which of the requests it was.
        failure: why it failed; empty when it did not.
        instance, release: who answered, where the answer says so.
    """

    kind: str
    failure: str = ""
    instance: str = ""
    release: str = ""


class Rolling:
    """The traffic, from `with` until its end.

    Args:
        disrupt: makes the requests.
        jobs: also upload all the while.
        short_per_s: how many short requests fall due in a second.
    """

    def __init__(self, disrupt: Disrupt, *, jobs: bool = False, short_per_s: float = SHORT_PER_S) -> None:
        self._disrupt, self.session, self._ledger = disrupt, signed_in(disrupt), Ledger()
        self.asset = ready_asset(disrupt, self.session)
        self._content = hashlib.shake_256(disrupt.marker.encode()).digest(DOWNLOAD_BYTES)
        _give_preview(disrupt, self.asset, self._content)
        self._sha256 = hashlib.sha256(self._content).hexdigest()
        self._link = self.session.playback(self.asset.id).url
        self._numbers, self._lock = itertools.count(1), threading.Lock()
        kinds: list[Callable[[], Reply]] = [self._read, self._rename, self._range, self._page]
        kinds += [partial(self.version, service) for service in HOSTS]
        self._held: dict[str, bool] = {}
        self._turns = shuffled(kinds)
        self.kinds = len(kinds)
        self._traffic: dict[str, Traffic[Reply]] = {
            "short": Traffic(self._short, per_s=short_per_s),
            "long": Traffic(self._slow_rename, per_s=LONG_PER_S),
            "downloads": Traffic(self._download, per_s=DOWNLOADS_PER_S),
        }
        if jobs:
            self._traffic["jobs"] = Traffic(self._upload, per_s=UPLOADS_PER_S)
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> Self:
        for traffic in self._traffic.values():
            self._stack.enter_context(traffic)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stack.__exit__(kind, error, at)

    def flow(self, rounds: int = 3) -> None:
        """Wait until more requests of each kind have been answered: `rounds` times all of the short ones."""
        for name, traffic in self._traffic.items():
            wanted = len(traffic.shots) + (rounds * self.kinds if name == "short" else 1)
            what = f"{wanted} {name} requests to have been answered"
            with contextlib.suppress(AssertionError):  # what was not answered is judged later
                eventually(lambda t=traffic, n=wanted: len(t.shots) >= n, within_s=20.0, what=what)  # type: ignore[misc]

    def upload(self, name: str, content: bytes) -> None:
        """Upload a clip; it is in the ledger once the product has said yes."""
        title = self._ledger.ask(f"{self._disrupt.marker} job {name}")
        created = self.session.create(title, content)
        self._disrupt.cleanup(remove, self.session, created.asset.id)
        if created.upload is not None:
            self.session.complete(created.asset.id, self.session.put(created.upload, content))
        self._ledger.acknowledge(title)

    def occupy_workers(self, over: threading.Event) -> None:
        """Let no worker be without a job until each is told to stop, or the roll is over; note who held one then."""
        content = generated_clip(seed=3, duration_s=LONG_CLIP_S).content
        workers = self._workers()
        with ThreadPoolExecutor(len(workers) + SPARE_JOBS) as feeding:
            fed: list[Future[None]] = []
            while not over.is_set() and len(self._held) < len(workers):
                before = self._holding()
                for worker in workers:
                    if worker.name not in self._held and self._told_to_stop(worker):
                        self._held[worker.name] = worker.name in before | self._holding()
                under_way = sum(not each.done() for each in fed)
                if self._unfinished() + under_way < len(workers) + SPARE_JOBS:
                    fed.append(feeding.submit(self._feed, content))
                over.wait(EVERY_S)
        for each in fed:
            each.result()

    def require_occupied(self) -> None:
        """Raise Invalid unless every worker held a job when it was told to stop."""
        self._disrupt.evidence("workers that held a job when told to stop", self._held)
        idle = [each.name for each in self._workers() if not self._held.get(each.name)]
        if idle or not self._held:
            raise Invalid(
                f"{', '.join(idle) or 'any worker'}: no job in hand when told to stop, so that none could be lost"
            )

    def _workers(self) -> list[Instance]:
        return [each for each in instances(self._disrupt, "worker") if each.via is not None]

    def _told_to_stop(self, worker: Instance) -> bool:
        path = self._disrupt.profile.services[worker.service].ready
        answer = self._disrupt.http.get(worker.url(path), via=worker.via, timeout_s=SHORT_WITHIN_S)
        return answer.status == 503 and answer.json().get("status") == "draining"

    def _holding(self) -> set[str]:
        rows = self._disrupt.pg.rows("select lease_owner from jobs where state = 'running'")
        return {str(row["lease_owner"]).rpartition(".")[0] for row in rows}

    def _unfinished(self) -> int:
        rows = self._disrupt.pg.rows(
            "select j.state from jobs j join assets a on a.id = j.asset_id"
            " where j.state in ('queued', 'running') and a.title like %s",
            (f"{self._disrupt.marker} job long %",),
        )
        return len(rows)

    def _feed(self, content: bytes) -> None:
        with contextlib.suppress(AssertionError):  # whether uploads fail is judged by those that fall due
            self.upload(f"long {next(self._numbers)}", content)

    def version(self, service: str) -> Reply:
        """Ask a service's public host who answers, and what it runs."""
        path = self._disrupt.profile.services[service].version
        answer = self._disrupt.http.get(f"{HOSTS[service]}:{path}", timeout_s=SHORT_WITHIN_S)
        if answer.status != 200:
            return Reply(f"{service} version", _unless(False, answer))
        said = answer.json()
        return Reply(f"{service} version", instance=str(said.get("instance")), release=str(said.get("release")))

    @property
    def shots(self) -> dict[str, list[Shot[Reply]]]:
        """The requests that have ended so far, by their sort: short, long, downloads, jobs."""
        return {name: traffic.shots for name, traffic in self._traffic.items()}

    def versions(self) -> list[Shot[Reply]]:
        """Return the answers that say who gave them."""
        return [shot for shot in self._traffic["short"].shots if shot.answer.release]

    def judge(self, case: Callable[[str], contextlib.AbstractContextManager[None]]) -> None:
        """Demand that no request failed, each sort in a case of its own; too few or late ones are Invalid."""
        late = {name: traffic.require_punctual(LATE_S, LATE_SHARE) for name, traffic in self._traffic.items()}
        told = {name: tell(shots) for name, shots in self.shots.items()}
        self._disrupt.evidence("requests", told)
        self._disrupt.evidence("share of late requests", late)
        require_enough({name: each["requests"] for name, each in told.items()})
        most_s = DRAINED * float(self._disrupt.target("drain_s"))
        for name, each in told.items():
            if name in PLANNED_S:
                require_short(self._traffic[name].shots, PLANNED_S[name], most_s)
            with case(f"{name} requests"):
                seen = f"{each['failed']} of {each['requests']} failed: {'; '.join(each['failures'])}"
                require(not each["failed"], f"none of the {name} requests to fail", seen, "services")

    def judge_jobs(self, case: Callable[[str], contextlib.AbstractContextManager[None]]) -> None:
        """Demand that every acknowledged upload is there once, with one job that is done and one preview."""
        within_s = float(self._disrupt.target("preview_s"))
        mine = f"{self._disrupt.marker} job "
        with case("every acknowledged upload"):
            known = set(self._ledger.acknowledged)
            self.session.wait_for_all((each for each in self._assets(mine) if each.title in known), within_s=within_s)
            audit = self._ledger.audit(each.title for each in self._assets(mine))
            self._disrupt.evidence("audit of acknowledged uploads", audit.to_json())
            require_whole(audit, at_least=1)
        with case("one job each, done once"):
            rows = self._disrupt.pg.rows(
                "select a.title, j.state, j.attempts from jobs j join assets a on a.id = j.asset_id"
                " where a.title like %s order by a.title",
                (f"{mine}%",),
            )
            self._disrupt.evidence("attempts", Counter(str(row["attempts"]) for row in rows))
            states = {
                title: [row["state"] for row in rows if row["title"] == title] for title in self._ledger.acknowledged
            }
            wrong = {title.removeprefix(mine): found for title, found in states.items() if found != ["done"]}
            require(not wrong, "one job for each upload, done", f"{wrong}", "worker")

    def workers(self) -> set[str]:
        """Return the workers that have done a job of an upload of ours."""
        rows = self._disrupt.pg.rows(
            "select distinct j.lease_owner from jobs j join assets a on a.id = j.asset_id"
            " where j.state = 'done' and a.title like %s",
            (f"{self._disrupt.marker} job %",),
        )
        return {str(row["lease_owner"]).rpartition(".")[0] for row in rows}

    def _assets(self, prefix: str) -> list[Asset]:
        return [each for each in self.session.assets() if each.title.startswith(prefix)]

    def _short(self) -> Reply:
        with self._lock:
            ask = next(self._turns)
        return ask()

    def _read(self) -> Reply:
        answer = self.session.call("GET", f"/v1/assets/{self.asset.id}", timeout_s=SHORT_WITHIN_S)
        return Reply("api read", _unless(answer.status == 200, answer))

    def _rename(self) -> Reply:
        answer = self.session.call(
            "PATCH", f"/v1/assets/{self.asset.id}", json={"title": self.asset.title}, timeout_s=SHORT_WITHIN_S
        )
        return Reply("api write", _unless(answer.status == 200, answer))

    def _range(self) -> Reply:
        start = RANGE_BYTES * (next(self._numbers) % (DOWNLOAD_BYTES // RANGE_BYTES))
        asked = {"Range": f"bytes={start}-{start + RANGE_BYTES - 1}"}
        answer = self._disrupt.http.get(self._link, headers=asked, timeout_s=SHORT_WITHIN_S)
        right = answer.status == 206 and answer.body == self._content[start : start + RANGE_BYTES]
        return Reply("edge range", _unless(right, answer))

    def _page(self) -> Reply:
        answer = self._disrupt.http.get("app:/sign-in", timeout_s=SHORT_WITHIN_S)
        return Reply("frontend page", _unless(answer.status == 200, answer))

    def _slow_rename(self) -> Reply:
        url = urlsplit(self._disrupt.http.url("api:/"))
        body = json.dumps({"title": self.asset.title}).encode()
        head = (
            f"PATCH /v1/assets/{self.asset.id} HTTP/1.1\r\nHost: {url.netloc}\r\nContent-Type: application/json\r\n"
            f"Authorization: Bearer {self.session.tokens.access_token}\r\nContent-Length: {len(body)}\r\n"
            "Connection: close\r\n\r\n"
        )
        sends: list[Send] = [head.encode() + body[:5], LONG_S, body[5:]]
        seen = self._disrupt.http.raw("api:/", sends, methods=["PATCH"], patience_s=15.0, within_s=20.0)
        good = [answer.status for answer in seen.answers] == [200]
        return Reply("slow write", "" if good else f"slow write: {seen}")

    def _download(self) -> Reply:
        seen = self._disrupt.http.download(self._link, seconds=DOWNLOAD_S, timeout_s=30.0)
        whole = seen.status == 200 and seen.sha256 == self._sha256
        return Reply("download", "" if whole else f"download: {seen.error or seen.status}, {seen.size} bytes")

    def _upload(self) -> Reply:
        try:
            self.upload(f"{next(self._numbers)}", small_clip().content)
        except AssertionError as failure:
            return Reply("upload", f"upload: {failure}")
        return Reply("upload")


def tell(shots: Sequence[Shot[Reply]]) -> dict[str, Any]:
    """Sum up requests: how many, how many failed and the first few reasons, the longest from its due time to its end."""
    failures = [shot.answer.failure for shot in shots if shot.answer.failure]
    longest = max((shot.ended_s - shot.due_s for shot in shots), default=0.0)
    return {
        "requests": len(shots),
        "failed": len(failures),
        "failures": failures[:3],
        "longest_s": round(longest, 2),
    }


def require_enough(counts: dict[str, int]) -> None:
    """Raise Invalid when too few requests of a sort were made to say anything."""
    few = [f"{count} {name} of {AT_LEAST[name]}" for name, count in counts.items() if count < AT_LEAST[name]]
    if few:
        raise Invalid(f"too few requests to say anything: {', '.join(few)}")


def require_short(shots: Sequence[Shot[Reply]], planned_s: float, most_s: float) -> None:
    """Raise Invalid where a busy machine made a request outlast what a drain can wait for, and it failed.

    Busy is a machine on which those that succeeded meanwhile lasted much longer than planned, too. Where they did not, the
    one that failed was left hanging.
    """
    for failed in (shot for shot in shots if shot.answer.failure and _lasted_s(shot) > most_s):
        beside = [
            _lasted_s(shot)
            for shot in shots
            if not shot.answer.failure and shot.began_s < failed.ended_s and failed.began_s < shot.ended_s
        ]
        if beside and median(beside) > BUSY * planned_s:
            raise Invalid(
                f"a request failed after {_lasted_s(failed):.1f} s, and those that succeeded meanwhile took"
                f" {median(beside):.1f} s in the median instead of {planned_s:g} s: too busy a machine"
            )


def _lasted_s(shot: Shot[Reply]) -> float:
    return shot.ended_s - shot.began_s


def _unless(good: bool, answer: Any) -> str:
    return "" if good else f"{answer.method} {urlsplit(answer.url).path}: {answer.error or answer.status}"


def _give_preview(disrupt: Disrupt, asset: Asset, content: bytes) -> None:
    """Put a large file in the place of the asset's preview, which the check's own asset takes along when it is removed."""
    key = f"previews/{asset.id}/preview.mp4"
    put = disrupt.s3.service("worker").call(
        "put_object", Bucket="previews", Key=key, Body=content, ContentType="video/mp4"
    )
    if not put.ok:
        raise Invalid(f"no large preview could be put: {put.error}")


def calls_offered(disrupt: Disrupt, *calls: str) -> None:
    """Raise Invalid where the platform does not offer what the check asks of it."""
    if missing := [call for call in calls if not disrupt.platform.offers(call)]:
        raise Invalid(f"the platform does not offer {', '.join(missing)}")
