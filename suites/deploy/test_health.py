"""Health endpoints: who lives, who is ready, and whether they tell the truth when a dependency is lost."""

import itertools
import json
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

from seatrial import BLOCKER, Disrupt, Failure, Invalid, Observe, check, eventually, require
from seatrial.probes.http import HttpAnswer
from seatrial.traffic import Traffic
from suites.client import Instance, instances
from suites.client.instances import HOSTS, SERVICES

T = TypeVar("T")
DEPENDENCIES = {
    "api": {"postgres", "redis", "s3"},
    "worker": {"postgres", "redis", "s3", "ffmpeg", "disk"},
    "edge": {"s3", "cache"},
    "frontend": {"api"},
}


@check("DEP-HLT-01", severity=BLOCKER, component="services")
def test_every_instance_is_live_and_ready(observe: Observe) -> None:
    """Live and ready of all four services answer at their declared paths, within budget, on every instance.

    Why it matters: balancers, deployers and people on call act on these answers; an instance that is down or cannot
    reach its database must be seen here before a user sees it.

    How it is measured: each instance of api, worker, edge and frontend is asked at its private address, and the public
    hosts through the ingress. Live must be 200; ready must be 200 and report exactly the dependencies that the service
    is known to have, each as ok. Every answer must come within targets.answer_s.

    Not covered: whether ready turns red when it should (DEP-HLT-02); instances that the profile does not list
    (DEP-VER-01).
    """
    budget_s = float(observe.target("answer_s"))
    places = [*instances(observe), *(Instance(service, "ingress", None) for service in HOSTS)]
    slowest: dict[str, float] = {}
    # Who runs instances knows their addresses; a cloud may show a service by its public host alone.
    shown = {place.service for place in places if place.via or observe.profile.platform is None}
    if hidden := [service for service in SERVICES if service not in shown]:
        raise Invalid(f"the profile says nowhere how to reach {hidden[0]}: [services.{hidden[0]}.instances] is empty")
    with observe.cases(at_least=2 * len(places)) as cases:
        for place in places:
            declared = observe.profile.services[place.service]
            where = place.name if place.via else place.service
            for path, judge in ((declared.live, _require_live), (declared.ready, _require_ready)):
                with cases(f"{path} of {place.service} at {place.name}"):
                    answer = observe.http.get(place.url(path), via=place.via, timeout_s=budget_s + 1.0)
                    slowest[where] = round(max(slowest.get(where, 0.0), answer.elapsed_s), 4)
                    judge(answer, place.service, where)
                    require(answer.elapsed_s <= budget_s, f"an answer within {budget_s:g} s", f"{answer}", where)
    observe.evidence("slowest answer, seconds", slowest)


def _require_live(answer: HttpAnswer, _service: str, where: str) -> None:
    require(answer.status == 200, f"200 from the live probe of {where}", _said(answer), where)
    require(answer.json().get("status") == "ok", "status ok", answer.text, where)


def _require_ready(answer: HttpAnswer, service: str, where: str) -> None:
    require(answer.status == 200, f"200 from the ready probe of {where}", _said(answer), where)
    found = _dependencies(answer)
    wanted = DEPENDENCIES[service]
    require(set(found) == wanted, f"the dependencies {sorted(wanted)}", f"{sorted(found)}", where)
    require(all(found.values()), "every dependency ok", f"{found}", where)


def _dependencies(answer: HttpAnswer) -> dict[str, bool]:
    said = answer.json()
    reported = said.get("dependencies", {}) if isinstance(said, dict) else {}
    return {name: bool(state.get("ok")) for name, state in reported.items() if isinstance(state, dict)}


@dataclass(frozen=True)
class Loss:
    """One dependency taken away: which parts, how, what it is called, and which services depend on it."""

    name: str
    how: str
    parts: Callable[[Observe], Sequence[str]]
    services: tuple[str, ...]


LOSSES = (
    Loss("redis", "pause", lambda observe: _parts(observe, "redis"), ("api", "worker")),
    Loss("postgres", "pause", lambda _: ("postgres",), ("api", "worker")),
    Loss("s3", "stop", lambda _: ("s3",), ("api", "worker", "edge")),
    Loss("api", "stop", lambda observe: [each.name for each in instances(observe, "api")], ("frontend",)),
)


def _parts(observe: Observe, service: str) -> list[str]:
    """Name every part of a kind: of several servers the one that is left would take the place of a lost one."""
    return [part.name for part in observe.platform.status().instances(service)]


BACK = {"stop": "start", "pause": "resume"}
HELD_S = 6.0  # what makes a platform restart instances is a live that is red for some seconds
LIVE_PER_S = 2.0
ENOUGH = 0.5  # of the questions that were due
LATE = 1  # no platform restarts an instance for a single answer that is late
FFMPEG, NO_ENCODER = "ffmpeg", "/bin/false"  # which can be run, and encodes nothing
TRIED = "cannot encode"


@check("DEP-HLT-02", severity=BLOCKER, component="services")
def test_ready_tells_of_a_lost_dependency(disrupt: Disrupt) -> None:
    """Ready turns red naming the dependency when it is lost, live stays green, and both recover.

    Why it matters: a ready probe that is always green sends traffic to an instance which can only fail; a live probe
    that fails with the database makes the platform restart every instance at once, in the middle of an outage.

    How it is measured: Redis (every server of it) and Postgres are frozen (connections hang), the object store and the API are stopped
    (connections are refused), one after the other. Within targets.lost_noticed_s every instance that depends on the part must
    answer 503 and name that dependency, and no other, as lost. The part stays lost for six seconds more; live of each instance
    is asked twice a second from the loss to its end, and must be 200 each time. Both must answer within targets.answer_s, but
    for a single answer of live; where answers are slower and this machine itself asked late, or too seldom, nothing is
    concluded. When the part is back, ready of each must be 200 again within targets.ready_s. At last every worker is restarted
    with a program in the place of FFmpeg that encodes nothing. Once its log says that it has tried, else INVALID, ready must be 503
    and name FFmpeg, and 200 again within targets.ready_s after the undo.

    Not covered: a live that turns red later than that; slow or lossy networks (DR-NET-01); an FFmpeg that is lost later; the cache
    and the worker's disk, which are inside the instance (DR-DSK-01).
    """
    within_s, budget_s = float(disrupt.target("ready_s")), float(disrupt.target("answer_s"))
    took: dict[str, Any] = {}
    for call in ("stop", "start", "pause", "resume", "restart"):
        if not disrupt.platform.offers(call):
            raise Invalid(f"the platform does not offer {call}")
    if hidden := [service for service in SERVICES if not instances(disrupt, service)]:
        raise Invalid(f"no instance of {hidden[0]} could tell of a loss: [services.{hidden[0]}.instances] is empty")
    with disrupt.cases(at_least=(len(LOSSES) + 1) * 2) as cases:
        for loss in LOSSES:
            watched = instances(disrupt, *loss.services)
            _require_all_ready(disrupt, watched, within_s, f"before {loss.name} is lost")
            with cases(f"{loss.name} lost by {loss.how}"):
                for part in loss.parts(disrupt):
                    getattr(disrupt.platform, loss.how)(part)
                took[f"{loss.name}: red after"] = _require_told(disrupt, watched, loss.name, budget_s)
            with cases(f"{loss.name} is back"):
                for part in loss.parts(disrupt):
                    getattr(disrupt.platform, BACK[loss.how])(part)
                started = time.monotonic()
                _require_all_ready(disrupt, watched, within_s, f"after {loss.name} is back")
                took[f"{loss.name}: green after"] = round(time.monotonic() - started, 2)
        workers = instances(disrupt, "worker")
        with cases("ffmpeg lost by a restart"):
            _encode_nothing(disrupt, workers, within_s)
            ends_s = time.monotonic() + float(disrupt.target("lost_noticed_s"))
            _at_once(workers, lambda each: _slow_until_red(disrupt, each, FFMPEG, budget_s, ends_s))
        with cases("ffmpeg is back"):
            disrupt.undo()
            _require_all_ready(disrupt, workers, within_s, "after ffmpeg is back")
    disrupt.evidence("seconds", took)


def _encode_nothing(disrupt: Disrupt, workers: Sequence[Instance], within_s: float) -> None:
    """Restart workers so that they cannot encode, and wait until each has tried: before, none is ready in any case."""
    since = datetime.now(UTC)
    for each in workers:
        disrupt.platform.restart(each.name, {"FFMPEG": NO_ENCODER}, at_once=True)

    def tried(part: str) -> bool:
        said = [json.loads(line) for line in disrupt.platform.logs(part) if TRIED in line]
        return any(datetime.fromisoformat(each["ts"]) >= since for each in said)

    what = f"{TRIED!r} in the log of each worker"
    try:
        eventually(lambda: all(tried(each.name) for each in workers), within_s=within_s, every_s=0.2, what=what)
    except Failure as failure:
        raise Invalid(f"no worker is without an encoder: {failure}") from None


@dataclass(frozen=True)
class Asked:
    """An answer of an instance's live probe."""

    name: str
    answer: HttpAnswer


def _require_told(disrupt: Disrupt, watched: list[Instance], dependency: str, budget_s: float) -> float:
    """Raise Failure unless ready of each instance tells of the loss in time, and live of none does; return the seconds it took.

    Raises Invalid where the machine was too busy to tell how long an answer takes.
    """
    began_s, numbers = time.monotonic(), itertools.count()
    ends_s = began_s + float(disrupt.target("lost_noticed_s"))

    def ask() -> Asked:
        instance = watched[next(numbers) % len(watched)]
        path = disrupt.profile.services[instance.service].live
        return Asked(instance.name, disrupt.http.get(instance.url(path), via=instance.via, timeout_s=budget_s + 1.0))

    with Traffic(ask, per_s=LIVE_PER_S * len(watched)) as lives:
        slow = _at_once(watched, lambda instance: _slow_until_red(disrupt, instance, dependency, budget_s, ends_s))
        red_s = time.monotonic()
        eventually(lambda: time.monotonic() - red_s >= HELD_S, within_s=2 * HELD_S, what="the end of the loss")
        lost_s = time.monotonic() - began_s
    asked = [shot.answer for shot in lives.shots]
    answers = {each.name: [one.answer for one in asked if one.name == each.name] for each in watched}
    for name, its in answers.items():
        _require_green(name, its, dependency, budget_s)
    for name, its in answers.items():
        if len(its) < ENOUGH * LIVE_PER_S * lost_s:
            raise Invalid(f"live of {name} was asked {len(its)} times in {lost_s:.0f} s: too busy a machine")
    late = {name: [each for each in its if each.elapsed_s > budget_s] for name, its in answers.items()}
    if any(slow) or any(len(each) > LATE for each in late.values()):
        lives.require_punctual()
    for (name, its), took in zip(answers.items(), slow, strict=True):
        wanted = f"ready of {name} within {budget_s:g} s while {dependency} is lost"
        require(not took, wanted, ", ".join(took[:3]), name)
        require(len(late[name]) <= LATE, _green(name, dependency, budget_s), _told(late[name], its), name)
    return round(red_s - began_s, 2)


def _slow_until_red(disrupt: Disrupt, instance: Instance, dependency: str, budget_s: float, ends_s: float) -> list[str]:
    """Raise Failure unless ready tells of the loss in time; return how long those of its answers took that were slow."""
    path, slow = disrupt.profile.services[instance.service].ready, list[str]()

    def named() -> bool:
        ready = disrupt.http.get(instance.url(path), via=instance.via, timeout_s=budget_s + 1.0)
        if ready.elapsed_s > budget_s:
            slow.append(f"{ready.elapsed_s:.2f} s")
        require(ready.status == 503, f"503 from ready without {dependency}", _said(ready), instance.name)
        lost = sorted(name for name, ok in _dependencies(ready).items() if not ok)
        require(lost == [dependency], f"{dependency} named as lost", f"{lost}", instance.name)
        return True

    what = f"ready of {instance.name} red with 503, naming {dependency}"
    eventually(named, within_s=ends_s - time.monotonic(), every_s=0.2, what=what, where=instance.name)
    return slow


def _require_green(name: str, answers: Sequence[HttpAnswer], dependency: str, budget_s: float) -> None:
    """Raise Failure for an answer of live that is not 200; one that did not come within the budget is late, whatever it says."""
    wrong = [each for each in answers if each.status != 200 and (each.status or each.elapsed_s <= budget_s)]
    require(not wrong, _green(name, dependency, budget_s), _told(wrong, answers), name)


def _green(name: str, dependency: str, budget_s: float) -> str:
    return f"live of {name} green, and within {budget_s:g} s, all the while {dependency} is lost"


def _told(bad: Sequence[HttpAnswer], answers: Sequence[HttpAnswer]) -> str:
    first = "; ".join(f"{_said(each)} after {each.elapsed_s:.2f} s" for each in bad[:3])
    return f"{len(bad)} of {len(answers)} answers: {first}"


def _require_all_ready(disrupt: Disrupt, watched: list[Instance], within_s: float, when: str) -> None:
    def require_green(instance: Instance) -> None:
        path = disrupt.profile.services[instance.service].ready

        def green() -> bool:
            answer = disrupt.http.get(instance.url(path), via=instance.via, timeout_s=5.0)
            require(answer.status == 200, f"200 from ready {when}", _said(answer), instance.name)
            return True

        what = f"ready of {instance.name} to be green {when}"
        eventually(green, within_s=within_s, every_s=0.2, what=what, where=instance.name)

    _at_once(watched, require_green)


def _at_once(watched: list[Instance], judge: Callable[[Instance], T]) -> list[T]:
    """Judge every instance in a thread of its own, so that none has the time of those before it on top."""
    with ThreadPoolExecutor(len(watched)) as threads:
        return list(threads.map(judge, watched))


def _said(answer: HttpAnswer) -> str:
    return answer.error or f"{answer.status} {answer.text[:200]}"
