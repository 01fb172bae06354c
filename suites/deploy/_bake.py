"""Watch a release for a while: its answers, what its instances count themselves, and its queue."""

import itertools
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from seatrial import Invalid, Observe, eventually, require
from seatrial.traffic import Shot, Traffic
from suites.client import instances
from suites.client.instances import HOSTS, Instance
from suites.monitoring._exposition import parse

ASKED_PER_S = 20.0
REQUEST_WITHIN_S = 5.0
AT_LEAST = 150
LATE_S = 1.0  # half of what an answer may take
SAMPLE_EVERY_S = 1.0
_STARTED, _ANSWERED = "process_start_time_seconds", "http_requests"
_PROBES = ("/readyz", "/livez", "/metrics")

_OLDEST = """
select coalesce(extract(epoch from now() - min(created_at)), 0)::float as age_s
from jobs where state in ('queued', 'running')
"""


@dataclass(frozen=True)
class Count:
    """What an instance counts itself: when its process started, its answers, and those of them that were 5xx."""

    started: float
    answers: float
    errors: float


@dataclass
class Bake:
    """What was seen in the time.

    Attributes:
        shots: our own requests; the answer is why it failed, empty when it did not.
        before, after: instance -> its counts; None where it did not answer.
        oldest_s: the age of the oldest unfinished job, each time that it was asked for.
    """

    shots: Sequence[Shot[str]] = ()
    before: Mapping[str, Count | None] = field(default_factory=dict)
    after: Mapping[str, Count | None] = field(default_factory=dict)
    oldest_s: list[float] = field(default_factory=list)

    @property
    def restarted(self) -> list[str]:
        """The instances whose process is another one than before, or that do not answer."""
        return [
            name
            for name, was in self.before.items()
            if was is None or (now := self.after.get(name)) is None or now.started != was.started
        ]

    @property
    def errors(self) -> float:
        """The share of 5xx among what the instances answered meanwhile, without the probes."""
        pairs = [(was, self.after.get(name)) for name, was in self.before.items()]
        same = [(was, now) for was, now in pairs if was and now and was.started == now.started]
        answers = sum(now.answers - was.answers for was, now in same)
        return sum(now.errors - was.errors for was, now in same) / answers if answers else 0.0

    @property
    def failed(self) -> list[str]:
        """Why our own requests failed."""
        return [shot.answer for shot in self.shots if shot.answer]

    def latency_s(self, share: float) -> float:
        """Return what that share of our requests did not exceed, from when they were due."""
        took = sorted(shot.ended_s - shot.due_s for shot in self.shots)
        return took[min(len(took) - 1, int(share * len(took)))]


def bake(observe: Observe, seconds: float) -> Bake:
    """Watch for so long; too few or late requests, and nobody to be asked for restarts, are Invalid."""
    told = [each for each in instances(observe) if each.via]
    if not told:
        raise Invalid("the profile lists no instance that could be asked whether it was restarted")
    seen = Bake(before={each.name: _count(observe, each) for each in told})
    turns, lock = itertools.cycle(HOSTS.items()), threading.Lock()

    def ask() -> str:
        with lock:
            service, host = next(turns)
        path = observe.profile.services[service].ready
        answer = observe.http.get(f"{host}:{path}", timeout_s=REQUEST_WITHIN_S)
        return "" if answer.status == 200 else f"{host}:{path}: {answer.error or answer.status}"

    until_s = time.monotonic() + seconds

    def over() -> bool:
        seen.oldest_s.append(float(observe.pg.rows(_OLDEST)[0]["age_s"]))
        return time.monotonic() >= until_s

    with Traffic(ask, per_s=ASKED_PER_S) as traffic:
        eventually(over, within_s=seconds + REQUEST_WITHIN_S, every_s=SAMPLE_EVERY_S, what="the end of the bake")
    traffic.require_punctual(late_s=LATE_S)
    seen.shots = traffic.shots
    if len(seen.shots) < AT_LEAST:
        raise Invalid(f"{len(seen.shots)} requests were made, at least {AT_LEAST} were expected")
    seen.after = {each.name: _count(observe, each) for each in told}
    return seen


def counted(text: str, where: str) -> Count:
    """Read an instance's counts from its metrics; answers of the probes are left out."""
    families = parse(text, where)
    started = [each.value for each in families[_STARTED].series] if _STARTED in families else []
    require(started, f"{_STARTED} among the metrics of {where}", sorted(families)[:5], where)
    answers = [
        each
        for each in (families[_ANSWERED].series if _ANSWERED in families else ())
        if each.name == f"{_ANSWERED}_total" and each.labels.get("route") not in _PROBES
    ]
    errors = [each.value for each in answers if each.labels.get("status", "").startswith("5")]
    return Count(started[0], sum(each.value for each in answers), sum(errors))


def _count(observe: Observe, instance: Instance) -> Count | None:
    answer = observe.http.get(instance.url("/metrics"), via=instance.via, timeout_s=REQUEST_WITHIN_S)
    return counted(answer.text, instance.name) if answer.status == 200 else None


def judge(observe: Observe, seen: Bake, *, most_errors: float, most_latency_s: float, most_age_s: float) -> None:
    """Demand that errors, latency, restarts and the queue's age stayed inside the limits, each a case of its own."""
    failed, p99_s, oldest_s = seen.failed, seen.latency_s(0.99), max(seen.oldest_s)
    share = max(len(failed) / len(seen.shots), seen.errors)
    summary: dict[str, Any] = {"requests": len(seen.shots), "failed": len(failed), "5xx of all answers": seen.errors}
    summary |= {"p50_s": round(seen.latency_s(0.5), 3), "p99_s": round(p99_s, 3), "oldest_job_s": round(oldest_s, 1)}
    observe.evidence("bake", summary | {"restarted": seen.restarted})
    with observe.cases(at_least=4) as cases:
        with cases("restarts"):
            require(not seen.restarted, "no instance restarted", f"restarted or gone: {', '.join(seen.restarted)}")
        with cases("errors"):
            said = (
                f"{len(failed)} of our {len(seen.shots)} requests ({'; '.join(failed[:3])}), {seen.errors:.2%} of all"
            )
            require(share <= most_errors, f"errors in {most_errors:.2%} of the requests at most", said, "services")
        with cases("latency"):
            limit = f"99 % of the requests within {most_latency_s:g} s"
            require(p99_s <= most_latency_s, limit, f"{p99_s:.2f} s", "services")
        with cases("queue"):
            limit = f"no unfinished job older than {most_age_s:g} s"
            require(oldest_s <= most_age_s, limit, f"{oldest_s:.0f} s", "worker")
