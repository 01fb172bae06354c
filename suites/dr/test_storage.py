"""The drill on the object store: it is unreachable, in both ways there are, and previews are lost."""

import time
from collections.abc import Callable
from functools import partial
from typing import TypeVar
from urllib.parse import urlsplit

from seatrial import BLOCKER, Disrupt, Invalid, Plan, check, eventually, require
from seatrial.cases import Cases
from seatrial.drills import Drill
from seatrial.traffic import Traffic
from suites.client import Asset, Created, instances, require_removable_masters, signed_in, small_clip
from suites.deploy import media
from suites.dr._callers import WITHIN_S, Callers
from suites.dr._queue import jobs
from suites.dr._refusal import unclear
from suites.dr._steady import steady
from suites.dr._uploads import POSTER, PREVIEW, Uploads, results

T = TypeVar("T")
STORE = "s3"
STOPPED, FROZEN = "stopped", "frozen"
ASK_S = 2.0
PLAYS_PER_S, REFUSED_PER_S, REFUSED = 2.0, 4.0, 24
LINK_S = 900
NEEDING = ("api", "edge", "worker")
UPLOADS = 7


@check(
    "DR-S3-02",
    severity=BLOCKER,
    component="s3",
    plan=Plan(
        strikes="the object store is stopped, and later frozen: it takes connections and answers nothing",
        noticed="whoever sends a file, ends an upload, or plays what no edge holds: each is refused and told when to try again",
        undone="starts it, or lets it go on",
        undo_s=40,
        answered_by=("INF-S3-02", "DEP-HLT-01"),
    ),
)
def test_an_unreachable_store_is_borne_and_lost_previews_are_made_again(disrupt: Disrupt) -> None:
    """Without the object store the product refuses clearly what needs it and does the rest, recovers alone, and remakes lost previews.

    Why it matters: a store that is away is noticed at once; one that takes connections and never answers holds every thread
    that asks it, until sign-in, lists and pages stand still with it. And previews are kept once, without versions: what is
    lost of them is gone, unless they can be made again from the masters.

    How it is measured: twice, first with the store stopped (connections are refused), then with it frozen (SIGSTOP:
    connections are taken, nothing is answered), while a job is in the middle of its work. Manipulation check: a request of
    the harness to the store gets no answer from it, else INVALID. Meanwhile completions of an upload fall due on schedule,
    more than there are threads; each must be refused with 502, 503 or 504, a problem document and Retry-After within
    targets.storage_refused_s, and so must the play of a video that no edge holds. Every service that needs the store must
    name it, and nothing else, in its readiness. An upload must be announced and an account sign in within seconds; no
    play of a video that the edges hold may fail, nor any call of people who list their assets or open pages. Then the store
    is given back, and nothing else is done. The clock starts there: the store answers, every instance is ready, the
    uploads begun meanwhile are acknowledged, a video that no edge holds plays, within targets.ready_s. Every acknowledged
    upload must be there, once, ready within targets.preview_s, each job done at its first attempt. At last the objects of a
    promoted asset's preview and its upload are deleted, with the API's key; a request to make the preview again, repeated,
    must give one job, one preview and one poster that play, and leave the master as it was.

    Not covered: a store that is slow, or loses some requests; files that are being sent at that moment, which the browser
    sends straight to the store; previews made again by the thousand.
    """
    if missing := [call for call in ("pause", "stop") if not disrupt.platform.offers(call)]:
        raise Invalid(f"the platform does not offer {', '.join(missing)}")
    require_removable_masters(disrupt)
    rehearsal = _Rehearsal(disrupt)
    drill = rehearsal.drill
    with (
        drill,
        Callers(disrupt, rehearsal.session, drill) as callers,
        Traffic(rehearsal.play, per_s=PLAYS_PER_S) as plays,
    ):
        drill.watch("plays of what the edges hold", plays, lambda failure: not failure)
        with disrupt.cases(at_least=21) as cases:
            rehearsal.outage(STOPPED, lambda: disrupt.platform.stop(STORE), POSTER, cases, callers)
            long = rehearsal.uploads.long()
            rehearsal.outage(FROZEN, lambda: disrupt.platform.pause(STORE), PREVIEW, cases, callers, long)
            with cases("videos that the edges hold play on"):
                plays.require_punctual()
                shown = [shot.answer for shot in plays.shots]
                failed = [each for each in shown if each]
                require(not failed, f"{len(shown)} plays answered", f"{len(failed)} failed: {failed[:3]}", "edge")
            with cases("every acknowledged upload, once"):
                rehearsal.uploads.require_whole(UPLOADS, drill.struck_s)
            with cases("the job under way ends"):
                rehearsal.require_done_once(long)
            rehearsal.remake(cases)
            with cases("steady again"):
                drill.require_steady()


class _Rehearsal:
    """One store that is taken away twice, and what is asked meanwhile of those who need it and of those who do not."""

    def __init__(self, disrupt: Disrupt) -> None:
        self._disrupt, self.session = disrupt, signed_in(disrupt)
        ready_s, preview_s = float(disrupt.target("ready_s")), float(disrupt.target("preview_s"))
        self._ready_s, self._preview_s = ready_s, preview_s
        self._refused_s = float(disrupt.target("storage_refused_s"))
        self.drill = Drill(disrupt, steady(disrupt, self.session), within_s=ready_s)
        self.uploads, self._clip = Uploads(disrupt, self.session), small_clip().content
        self._held, self._promoted = (self._uploaded(title) for title in ("held by the edges", "promoted"))
        self._master = self.session.promote(self._promoted.id).master
        self._link = self.session.playback(self._held.id, lifetime_s=LINK_S).url
        host = {"Host": urlsplit(self._link).netloc}
        for edge in instances(disrupt, "edge"):
            seen = disrupt.http.get(self._link, via=edge.via, headers=host, timeout_s=WITHIN_S)
            if seen.status != 200:
                raise Invalid(f"{edge.name} does not hold the video: {seen.error or seen.status}")

    def _uploaded(self, title: str) -> Asset:
        return self.session.wait(self.uploads.upload(title, self._clip).id, within_s=self._preview_s)

    def play(self) -> str:
        """Play what the edges hold; return why that failed, nothing when it did not."""
        answer = self._disrupt.http.get(self._link, timeout_s=WITHIN_S)
        return "" if answer.status == 200 else f"play: {answer.error or answer.status}"

    def outage(
        self,
        how: str,
        strike: Callable[[], object],
        unheld: str,
        cases: Cases,
        callers: Callers,
        under_way: Asset | None = None,
    ) -> None:
        """Take the store away, see who can do without it and who is refused, and give it back.

        Args:
            how: names it.
            strike: takes it away.
            unheld: the object of the promoted asset that no edge holds yet.
            cases: keeps the findings.
            callers: the others, who must not notice.
            under_way: an asset whose job must not have ended when the store goes.
        """
        begun = self.uploads.announce(f"sent before it was {how}", self._clip)
        if begun.upload is not None:
            self.session.put(begun.upload, self._clip)
        variant = {PREVIEW: "preview", POSTER: "poster"}[unheld]
        link = self.session.playback(self._promoted.id, variant, lifetime_s=LINK_S).url
        self.drill.strike(f"{STORE} {how}", strike, self._unreachable, within_s=10.0)
        if under_way is not None and self.session.asset(under_way.id).status == "ready":
            raise Invalid("the job had ended before the store was taken away: no job was under way")
        pending = [begun]
        with Traffic(partial(self._complete, begun), per_s=REFUSED_PER_S) as completions:
            self.drill.watch(f"completions, {how}", completions, lambda lack: not lack)
            with cases(f"{how}: readiness names the store"):
                eventually(self._named, within_s=self._ready_s, what="the store, named by whoever needs it")
            with cases(f"{how}: an upload is announced"):
                pending.append(self._briefly(lambda: self.uploads.announce(f"announced while {how}", self._clip)))
            with cases(f"{how}: an account signs in"):
                self._briefly(lambda: self.session.again().sign_out())
            with cases(f"{how}: what no edge holds is refused"):
                lack = unclear(self._disrupt.http.get(link, timeout_s=self._refused_s))
                require(not lack, f"a play refused clearly within {self._refused_s:g} s", lack, "edge")
            enough: Callable[[], bool] = lambda: len(completions.shots) >= REFUSED or bool(callers.harm())  # noqa: E731
            within_s = REFUSED / REFUSED_PER_S + 2 * self._refused_s
            eventually(enough, within_s=within_s, what=f"{REFUSED} completions that have ended", where="api")
        with cases(f"{how}: completions are refused"):
            lacks = [shot.answer for shot in completions.shots if shot.answer]
            wanted = f"{len(completions.shots)} completions refused clearly within {self._refused_s:g} s"
            require(not lacks, wanted, f"{len(lacks)} were not: {lacks[:3]}", "api")
        with cases(f"{how}: nobody else notices"):
            callers.judge()
        self._give_back(how, pending, link, cases, callers)

    def _give_back(self, how: str, pending: list[Created], link: str, cases: Cases, callers: Callers) -> None:
        self.drill.undo()
        reached: dict[str, float] = {}
        with cases(f"{how}: recovers alone"):
            reached = self.drill.recover(
                {
                    "the store answers": lambda: not self._unreachable(),
                    "every instance ready": self._all_ready,
                    "uploads acknowledged again": lambda: self._finished(pending),
                    "what no edge holds plays": lambda: self._plays(link),
                },
                within_s=self._ready_s,
                since_undo=True,
                where="s3",
                stop=callers.harm,
            )
        if not reached:
            raise Invalid("the product has not recovered, or others were harmed: nothing more is struck")
        self._disrupt.evidence(f"recovered, seconds after it was given back, {how}", reached)

    def require_done_once(self, asset: Asset) -> None:
        """Demand one job, done at its first attempt: an outage is nobody's failure."""
        seen = [(row["state"], row["attempts"]) for row in jobs(self._disrupt, asset)]
        require(seen == [("done", 1)], "one job, done at its first attempt", f"{seen}", "worker")

    def remake(self, cases: Cases) -> None:
        """Lose a promoted asset's preview, poster and upload, and have them made again."""
        lost, before = self._promoted, self._state_of_master()
        keys = [("previews", f"previews/{lost.id}/{name}") for name in (PREVIEW, POSTER)]
        for bucket, key in (*keys, ("staging", f"uploads/{lost.id}")):
            self._disrupt.s3.service("api").call("delete_object", Bucket=bucket, Key=key)
            if (left := self._disrupt.s3.head(bucket, key)).status != 404:
                raise Invalid(f"{bucket}/{key} was not deleted: {left}")
        self.drill.event("a preview, its poster and its upload deleted")
        with cases("a lost preview is made again"):
            asked = [self.session.remake(lost.id).id for _ in range(2)]
            require(asked == [lost.id] * 2, "the same asset, twice", f"{asked}", "api")
            self.session.wait(lost.id, within_s=self._preview_s)
            self.require_done_once(lost)
            self.drill.event("made again")
        with cases("it plays again"):
            etag = results(self._disrupt, lost)[keys[0][1]]
            link = self.session.playback(lost.id).url
            eventually(
                lambda: self._plays(link, etag), within_s=self._ready_s, what="the preview made again", where="edge"
            )
        with cases("the master is as it was"):
            after = self._state_of_master()
            require(after == before, f"the master as before: {before}", f"{after}", "s3")

    def _state_of_master(self) -> tuple[object, ...]:
        if self._master is None:
            raise Invalid("the asset that was promoted has no master")
        head = self._disrupt.s3.head(self._master.bucket, self._master.key)
        return head.status, *(head.data.get(name) for name in ("VersionId", "ETag", "ObjectLockRetainUntilDate"))

    def _unreachable(self) -> bool:
        answer = self._disrupt.http.get("s3:/", timeout_s=ASK_S)
        return answer.status is None or answer.status >= 500

    def _complete(self, begun: Created) -> str:
        path = f"/v1/assets/{begun.asset.id}/complete"
        return unclear(self.session.call("POST", path, json={}, timeout_s=self._refused_s))

    def _briefly(self, ask: Callable[[], T]) -> T:
        began_s = time.monotonic()
        answer = ask()
        took_s = time.monotonic() - began_s
        require(took_s <= WITHIN_S, f"an answer within {WITHIN_S:g} s", f"{took_s:.1f} s", "api")
        return answer

    def _readiness(self, service: str) -> list[tuple[str, int | None, dict[str, bool]]]:
        path, seen = self._disrupt.profile.services[service].ready, []
        for each in instances(self._disrupt, service):
            answer = self._disrupt.http.get(each.url(path), via=each.via, timeout_s=WITHIN_S)
            said = answer.json().get("dependencies", {}) if answer.status in {200, 503} else {}
            seen.append((each.name, answer.status, {name: bool(state["ok"]) for name, state in said.items()}))
        return seen

    def _named(self) -> bool:
        for service in NEEDING:
            for name, status, known in self._readiness(service):
                lost = sorted(dependency for dependency, ok in known.items() if not ok)
                require((status, lost) == (503, [STORE]), f"503 that names {STORE}", f"{status}, {lost}", name)
        return True

    def _all_ready(self) -> bool:
        for service in NEEDING:
            for name, status, known in self._readiness(service):
                lost = sorted(dependency for dependency, ok in known.items() if not ok)
                require(status == 200, f"{name} ready", f"{status}, without {lost}", name)
        return True

    def _finished(self, pending: list[Created]) -> bool:
        """Try one, and not for long: the other stages of the recovery are asked after it."""
        if pending:
            self.uploads.finish(pending[0], self._clip, timeout_s=ASK_S)
            del pending[0]
        return not pending

    def _plays(self, link: str, etag: str = "") -> bool:
        answer = self._disrupt.http.get(link, timeout_s=WITHIN_S)
        require(answer.status == 200, "200 for a signed link", answer.error or answer.status, "edge")
        if etag:
            require(answer.headers.get("etag", "").strip('"') == etag, f"the object {etag}", "another one", "edge")
            require(media.inspect(answer.body, "the preview").duration_s > 0, "a video", "none", "edge")
        return True
