"""Watch a release for a while: its answers to anybody, what its instances count themselves, and its queue."""

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
COUNTED_AT_LEAST = 10  # answers by a service's instances; half of what one of its routes is asked in the shortest bake
_STARTED, _ANSWERED = "process_start_time_seconds", "http_requests"
_BROWSER = {"Accept": "text/html, */*"}
_PROBES = ("/readyz", "/livez", "/metrics", "/version")
# What everybody may ask: routes that people use, as they answer somebody who has not signed in.
_ROUTES = (
    ("api:/v1/assets?limit=20", 401),
    ("app:/", 303),
    ("app:/sign-in", 200),
    ("play:/v/0e3f1c52-7a52-4d43-9c1f-3a2b1c0d9e8f/preview", 403),
)

# A job that is worked on waits for nobody, however long it takes, until the lease of whoever died over it has ended.
_OLDEST = """
select greatest(0, coalesce(max(extract(epoch from now() - case state when 'queued' then created_at else lease_until end)), 0))::float
    as age_s
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
        instances: instance -> its service.
        before, after: instance -> its counts; None where it did not answer.
        oldest_s: how long a job had been waiting for a worker, at the most, each time that it was asked for.
    """

    shots: Sequence[Shot[str]] = ()
    instances: Mapping[str, str] = field(default_factory=dict)
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
    def counted(self) -> Mapping[str, Count]:
        """Service -> what its instances have answered meanwhile, without the probes; those that restarted count nothing."""
        found: dict[str, Count] = {}
        for name, service in self.instances.items():
            was, now, so_far = self.before.get(name), self.after.get(name), found.get(service, Count(0, 0, 0))
            if was and now and was.started == now.started:
                answers, errors = now.answers - was.answers, now.errors - was.errors
                so_far = Count(0, so_far.answers + answers, so_far.errors + errors)
            found[service] = so_far
        return found

    @property
    def errors(self) -> float | None:
        """The share of 5xx among what the instances have answered; None where they have answered nobody."""
        answers = sum(each.answers for each in self.counted.values())
        return sum(each.errors for each in self.counted.values()) / answers if answers else None

    @property
    def uncounted(self) -> list[str]:
        """The services behind a public host whose instances counted fewer answers than they were certainly asked for."""
        return [
            f"{service} {each.answers:g}"
            for service, each in self.counted.items()
            if service in HOSTS and each.answers < COUNTED_AT_LEAST
        ]

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
    seen = Bake(
        instances={each.name: each.service for each in told},
        before={each.name: _count(observe, each) for each in told},
    )
    turns, lock = itertools.cycle(_asked(observe)), threading.Lock()

    def ask() -> str:
        with lock:
            url, status = next(turns)
        answer = observe.http.get(url, headers=_BROWSER, timeout_s=REQUEST_WITHIN_S)
        return "" if answer.status == status else f"{url}: {answer.error or answer.status}"

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


def _asked(observe: Observe) -> list[tuple[str, int]]:
    """Return what is asked in each turn, and the status that it must have."""
    probes = [
        (f"{host}:{path}", 200)
        for service, host in HOSTS.items()
        for path in (observe.profile.services[service].ready, observe.profile.services[service].version)
    ]
    return [*probes, *_ROUTES]


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
    """Demand that errors, latency, restarts and the queue's age stayed inside the limits, each a case of its own.

    Raises Invalid when all did, and a service behind a public host counted next to no answers: its errors are unknown.
    """
    failed, p99_s, oldest_s = seen.failed, seen.latency_s(0.99), max(seen.oldest_s)
    counted_share = seen.errors
    told = "no answer that instances count" if counted_share is None else f"{counted_share:.2%} of all"
    share = max(len(failed) / len(seen.shots), counted_share or 0.0)
    summary: dict[str, Any] = {"requests": len(seen.shots), "failed": len(failed), "5xx of all answers": told}
    summary["counted"] = {service: each.answers for service, each in seen.counted.items()}
    summary |= {"p50_s": round(seen.latency_s(0.5), 3), "p99_s": round(p99_s, 3), "oldest_job_s": round(oldest_s, 1)}
    observe.evidence("bake", summary | {"restarted": seen.restarted})
    with observe.cases(at_least=4) as cases:
        with cases("restarts"):
            require(not seen.restarted, "no instance restarted", f"restarted or gone: {', '.join(seen.restarted)}")
        with cases("errors"):
            said = f"{len(failed)} of our {len(seen.shots)} requests ({'; '.join(failed[:3])}), {told}"
            require(share <= most_errors, f"errors in {most_errors:.2%} of the requests at most", said, "services")
        with cases("latency"):
            limit = f"99 % of the requests within {most_latency_s:g} s"
            require(p99_s <= most_latency_s, limit, f"{p99_s:.2f} s", "services")
        with cases("queue"):
            limit = f"no job waiting for more than {most_age_s:g} s"
            require(oldest_s <= most_age_s, limit, f"{oldest_s:.0f} s", "worker")
    if seen.uncounted:
        raise Invalid(f"instances counted fewer than {COUNTED_AT_LEAST} answers of theirs: {', '.join(seen.uncounted)}")
