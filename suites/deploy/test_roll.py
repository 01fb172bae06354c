"""Releases that come and go while people work: rolled out, refused, rolled back, scaled, and watched afterwards."""

import threading
import time
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial

from seatrial import BLOCKER, MAJOR, Disrupt, Failure, Invalid, Observe, check, eventually, require
from seatrial.errors import EnvironmentFault
from seatrial.platform import Change
from suites.client import every_instance_runs, instances, small_clip
from suites.client.answers import Playback
from suites.client.instances import HOSTS, SERVICES
from suites.deploy._bake import bake
from suites.deploy._bake import judge as judge_bake
from suites.deploy._rolling import Rolling, calls_offered

Settings = Mapping[str, Mapping[str, str | None]]

NEXT: Settings = {"frontend": {"LOG_LEVEL": "WARNING"}}  # a release differs in anything at all
NOWHERE = "http://127.0.0.1:1"
BAD: Mapping[str, Settings] = {
    "ends at its start": {service: {"LOG_LEVEL": "SHOUTING"} for service in SERVICES},
    "is never ready": {service: {"S3_ENDPOINT": NOWHERE} for service in ("api", "edge", "worker")}
    | {"frontend": {"API_INTERNAL_URL": NOWHERE}},
}
ROUNDING_S = 3.0
REACHED_WITHIN_S = 10.0
BURST = 6


@check("DEP-ROLL-01", severity=BLOCKER, component="services", alone=True)
def test_a_rolling_deploy_goes_unnoticed(disrupt: Disrupt) -> None:
    """A rolling deploy of all services under traffic: no request fails, no download breaks off, no job is lost or doubled.

    Why it matters: whoever must fear a deploy deploys seldom, and then much at once. Requests under way are cut when an
    instance does not drain, new ones fail when the balancer hears of it too late, and jobs vanish with their worker.

    How it is measured: all through a deploy of a release that differs in one variable, requests fall due on schedule,
    whatever becomes of those before: 14 short ones a second (reads and writes of the API, ranges of a preview, pages,
    /version of each public host), requests whose body takes four seconds, downloads of 24 MiB that take four, and
    uploads; until a worker is told to stop, by its readiness, jobs of some seconds wait for it. None may fail, every
    download must come byte for byte, every instance must run the new release and answer through the public hosts, and
    every acknowledged upload must be there once, with one job, done. Requests that were late or too few are INVALID, and
    so is a worker that held no job when it was told to stop, and a request that failed after longer than the drain allows
    while those that succeeded were a quarter slower than planned, too; beside quick ones it was left hanging.

    Not covered: requests longer than targets.drain_s, and streams of events, which clients open again; more load than this
    (benchmarks/roll.py).
    """
    calls_offered(disrupt, "deploy", "rollback", "releases")
    before = disrupt.platform.status().release
    with Rolling(disrupt, jobs=True) as rolling:
        rolling.flow(1)
        over = threading.Event()
        with ThreadPoolExecutor(1) as beside:
            occupied = beside.submit(rolling.occupy_workers, over)
            try:
                change = _deploy(disrupt, NEXT)
            finally:
                over.set()
            occupied.result()
        rolling.flow()
    disrupt.evidence("deploy", {"seconds": change.seconds, "outcome": change.outcome, "reason": change.reason})
    with disrupt.cases(at_least=8) as cases:
        rolling.judge(cases)
        with cases("the deploy"):
            require(change.outcome == "in force", "the release to come into force", _told(change), "platform")
            require(every_instance_runs(disrupt, change.release), "every instance on it", "some are not", "services")
        with cases("the new release answers"):
            hosts = {shot.answer.kind for shot in rolling.versions() if shot.answer.release == change.release}
            require(len(hosts) == len(HOSTS), "answers of the new release from each public host", sorted(hosts))
        rolling.judge_jobs(cases)
        rolling.require_occupied()
    disrupt.platform.rollback(before, at_once=True)


@check("DEP-ROLL-02", severity=BLOCKER, component="platform", alone=True)
def test_a_bad_release_is_rolled_back_by_itself(disrupt: Disrupt) -> None:
    """A release that fails its health check gets no traffic and is rolled back by itself, and no request fails.

    Why it matters: most outages begin with a change. The health check is what stands between a bad release and everybody,
    at an hour when nobody watches; a gate that lets through what is not ready turns one mistake into an outage.

    How it is measured: under the requests and downloads of DEP-ROLL-01, two releases are deployed that differ from the one
    in force by their configuration: one that ends at its start in every service, and one whose store or API refuses every
    connection, so that it lives and is never ready. The platform must end each deploy by itself with the release of before
    in force and a reason, on the same instances; no answer may come from the bad release, and none may fail.

    Not covered: releases that are ready and wrong (DEP-CAN-01, DEP-ROLL-06); jobs that a worker takes before it is ready,
    which it hands back when a dependency is lost.
    """
    calls_offered(disrupt, "deploy", "rollback", "releases")
    before = disrupt.platform.status()
    changes: dict[str, Change] = {}
    with Rolling(disrupt) as rolling:
        rolling.flow(1)
        for how, settings in BAD.items():
            changes[how] = _deploy(disrupt, settings)
            if changes[how].outcome != "rolled back":
                break
        rolling.flow(1)
    told = {how: {"seconds": each.seconds, "reason": each.reason} for how, each in changes.items()}
    disrupt.evidence("rolled back", told)
    with disrupt.cases(at_least=len(BAD) * 2 + 4) as cases:
        for how, change in changes.items():
            with cases(f"a release that {how}"):
                require(change.outcome == "rolled back", "it to be rolled back by itself", _told(change), "platform")
                require(change.reason, "a reason for the rollback", "none", "platform")
            with cases(f"no traffic for a release that {how}"):
                reached = [shot.answer for shot in rolling.versions() if shot.answer.release == change.release]
                found = f"{len(reached)} by {sorted({each.instance for each in reached})}"
                require(not reached, "no answer from the bad release", found, "ingress")
        with cases("as before"):
            require(every_instance_runs(disrupt, before.release), f"{before.release} on every instance", "it is not")
            _require_instances(disrupt, before.parts.keys())
        rolling.judge(cases)


@check("DEP-ROLL-03", severity=BLOCKER, component="platform", alone=True)
def test_a_rollback_restores_everything(disrupt: Disrupt) -> None:
    """A rollback restores release, configuration and traffic, fits the schema, and takes no longer than it may.

    Why it matters: the rollback is the plan for when all else fails, and it is the least rehearsed of all. One that takes
    the code back and keeps the new configuration, or lands on a schema which that code does not know, makes two outages
    of one.

    How it is measured: a release is deployed whose signed links live half as long. Every api instance must then issue such
    links. Under the traffic of DEP-ROLL-01 the platform is told to roll back. Afterwards every instance must report the
    release of before, the platform the configuration of before, and every api instance must issue links as long as before;
    that release's own migrations must find nothing to apply and nothing that they do not know; no request may have failed,
    and uploads during the rollback must become previews. From the call to its end it may take targets.rollback_s.

    Not covered: data that the newer release has written in a form of its own (MIG-06); the way back over a migration that
    took something away, which is restored from a backup.
    """
    calls_offered(disrupt, "deploy", "rollback", "releases", "migrate")
    before, configuration = disrupt.platform.status(), disrupt.platform.config()
    rolling = Rolling(disrupt, jobs=True)
    lifetimes = _lifetimes(disrupt, rolling)
    shorter_s = max(lifetimes.values()) // 2
    disrupt.platform.deploy(settings={"api": {"LINK_LIFETIME_S": str(shorter_s)}}, at_once=True)
    with disrupt.cases(at_least=10) as cases:
        with cases("the new configuration was in force"):
            _require_lifetimes(disrupt, rolling, dict.fromkeys(lifetimes, shorter_s), "the deploy")
        with rolling:
            rolling.flow(1)
            started = time.monotonic()
            _done(disrupt, "a rollback", partial(disrupt.platform.rollback, before.release))
            seconds = time.monotonic() - started
            rolling.flow(2)
        disrupt.evidence("rollback", {"seconds": round(seconds, 1), "release": before.release})
        rolling.judge(cases)
        with cases("release"):
            require(every_instance_runs(disrupt, before.release), f"{before.release} on every instance", "it is not")
        with cases("configuration"):
            now = disrupt.platform.config()
            wrong = {part: _differing(was, now.get(part, {})) for part, was in configuration.items()}
            found = {part: names for part, names in wrong.items() if names}
            require(not found, "the configuration of before", f"another one: {found}", "platform")
            _require_lifetimes(disrupt, rolling, lifetimes, "the rollback")
        with cases("schema"):
            _require_schema(disrupt)
        with cases("in time"):
            most_s = float(disrupt.target("rollback_s"))
            require(seconds <= most_s, f"the rollback within {most_s:g} s", f"{seconds:.1f} s", "platform")
        rolling.judge_jobs(cases)


@check("DEP-ROLL-04", severity=MAJOR, component="platform", alone=True)
def test_scaling_takes_effect_and_loses_nothing(disrupt: Disrupt) -> None:
    """Scaling every service out and in to the declared counts takes effect, and nothing is lost.

    Why it matters: a service that is scaled out in an emergency and gets no requests on its new instances has not been
    scaled out, and one that is scaled in without draining pays for saved money with failed requests and lost jobs.

    How it is measured: under the traffic of DEP-ROLL-01 each service in targets.scale_out is scaled to its count there. The
    platform must list so many instances, each new one must be ready and answer through its public host within ten
    seconds, and a new worker must finish one of a burst of jobs. Then each is scaled in to what the profile lists: the
    platform must list these, and no request that begins afterwards may be answered by one that went. No request may fail,
    and every upload must be there once, with one job, done.

    Not covered: scaling by a policy (DEP-ROLL-05); how much more load the new instances can carry.
    """
    calls_offered(disrupt, "scale")
    declared = {service: len(disrupt.profile.services[service].instances) for service in SERVICES}
    wanted = _counts(disrupt.target("scale_out"), declared)
    before = disrupt.platform.status()
    with disrupt.cases(at_least=2 * len(wanted) + 6) as cases:
        with Rolling(disrupt, jobs=True) as rolling:
            rolling.flow(1)
            for service, count in wanted.items():
                with cases(f"{service} out"):
                    _done(disrupt, f"{service} scaled out", partial(disrupt.platform.scale, service, count))
                    _require_count(disrupt, service, count)
            status = disrupt.platform.status()
            new = {name: part.service for name, part in status.parts.items() if name not in before.parts}
            for number in range(BURST):
                rolling.upload(f"burst {number}", small_clip().content)
            for name, service in new.items():
                with cases(f"{name} works"):
                    _require_works(disrupt, rolling, name, service)
            for service in wanted:
                with cases(f"{service} in"):
                    _done(disrupt, f"{service} scaled in", partial(disrupt.platform.scale, service, declared[service]))
                    _require_count(disrupt, service, declared[service])
            gone_s = time.monotonic()
            rolling.flow(2)
        rolling.judge(cases)
        with cases("nothing is sent to those that went"):
            late = {shot.answer.instance for shot in rolling.versions() if shot.began_s > gone_s} & new.keys()
            require(not late, "no answer from an instance that went", sorted(late), "ingress")
        rolling.judge_jobs(cases)
    disrupt.evidence("counts", {"declared": declared, "scaled to": wanted, "new": sorted(new)})


@check("DEP-ROLL-06", severity=BLOCKER, component="services", alone=True)
def test_the_release_stays_inside_its_objectives(observe: Observe) -> None:
    """After a deploy the services stay inside their objectives for the bake time: errors, latency, restarts, queue age.

    Why it matters: what passes a health check may still leak until it is killed, answer one request in a hundred with an
    error, or leave its queue behind. It shows within minutes, if somebody looks, and is cheap to take back as long.

    How it is measured: for targets.bake_s, ten URLs are asked in turn, 20 requests a second, on schedule: the ready and version
    paths of each public host, and what people use, as it answers somebody who has not signed in: the list of assets (401),
    the page of assets (303), the page to sign in (200), and a play without a signature (403). At most
    targets.bake_error_share of these requests may get another status or none, and of all answers that the instances count
    themselves meanwhile be a 5xx (probes left out); 99 % must be there within targets.answer_s of being due. Each instance
    with a private address must be the same process at the end as at the beginning, by its own metrics. Each second no job may
    have been waiting for more than targets.pending_s: queued since it was made, or running since its lease ended. Late requests,
    fewer than 150, and a service behind a public host whose instances counted fewer than ten answers are INVALID.

    Not covered: what only somebody who has signed in sees, in an environment where nobody does meanwhile (DEP-FLOW-01), and
    how long it takes (DEP-PERF-01); instances without a private address, as to restarts and what they count; a leak that
    needs longer than the bake; comparison with the release before (DEP-CAN-01).
    """
    seen = bake(observe, float(observe.target("bake_s")))
    judge_bake(
        observe,
        seen,
        most_errors=float(observe.target("bake_error_share")),
        most_latency_s=float(observe.target("answer_s")),
        most_age_s=float(observe.target("pending_s")),
    )


def _deploy(disrupt: Disrupt, settings: Settings) -> Change:
    """Deploy, and return what the platform says became of it; raises EnvironmentFault when it says nothing new."""
    before = disrupt.platform.releases()[:1]
    try:
        disrupt.platform.deploy(settings=settings)
    except EnvironmentFault:
        if disrupt.platform.releases()[:1] == before:
            raise
    return disrupt.platform.releases()[0]


def _done(disrupt: Disrupt, what: str, act: Callable[[], object]) -> None:
    """Have the platform act; what it refuses or does not bring to an end is a Failure, for that is what was asked."""
    try:
        act()
    except EnvironmentFault as error:
        disrupt.platform.status()  # a platform that does not answer is no finding about what it does
        raise Failure(what, str(error), "platform") from None


def _told(change: Change) -> str:
    return f"{change.outcome}{f': {change.reason}' if change.reason else ''}"


def _require_instances(disrupt: Disrupt, names: Collection[str]) -> None:
    now = disrupt.platform.status().parts.keys()
    require(set(now) == set(names), "the parts of before", f"{sorted(set(now) ^ set(names))} differ", "platform")


def _lifetimes(disrupt: Disrupt, rolling: Rolling) -> dict[str, int]:
    """Return how long the links of each api instance live, in whole seconds."""
    found = {}
    for instance in instances(disrupt, "api"):
        answer = disrupt.http.post(
            f"api:/v1/assets/{rolling.asset.id}/playback",
            json={"variant": "preview"},
            headers={"Authorization": f"Bearer {rolling.session.tokens.access_token}"},
            via=instance.via,
        )
        require(answer.status == 201, "201 for a link", str(answer), instance.name)
        link = Playback.from_json(answer.json())
        found[instance.name] = round((link.expires_at - datetime.now(UTC)).total_seconds())
    if not found:
        raise Invalid("the profile lists no api instance")
    return found


def _require_lifetimes(disrupt: Disrupt, rolling: Rolling, wanted: Mapping[str, float], after: str) -> None:
    seen = _lifetimes(disrupt, rolling)
    wrong = {name: seen[name] for name, lifetime_s in wanted.items() if abs(seen[name] - lifetime_s) > ROUNDING_S}
    require(not wrong, f"after {after} links that live as configured, {dict(wanted)} s", f"{wrong} s", "api")


def _differing(was: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    return sorted(name for name in was.keys() | now.keys() if was.get(name) != now.get(name))


def _require_schema(disrupt: Disrupt) -> None:
    try:
        moved = disrupt.platform.migrate_live()
    except EnvironmentFault as refused:
        raise Failure("migrations of the release in force that know the schema", str(refused), "postgres") from None
    require(not moved["applied"], "no migration of it left to apply", moved["applied"], "postgres")


def _counts(texts: Collection[str], declared: Mapping[str, int]) -> dict[str, int]:
    """Read targets.scale_out, "api=3" and so on; raises Invalid for what is no more than the profile lists."""
    found = {}
    for text in texts:
        service, _, count = text.partition("=")
        if service not in declared or not count.isdigit() or int(count) <= declared[service]:
            raise Invalid(f"targets.scale_out: {text!r} is not a service with more instances than the profile lists")
        found[service] = int(count)
    return found


def _require_count(disrupt: Disrupt, service: str, count: int) -> None:
    listed = [each.name for each in disrupt.platform.status().instances(service)]
    require(len(listed) == count, f"{count} instances of {service}", f"{listed}", "platform")


def _require_works(disrupt: Disrupt, rolling: Rolling, name: str, service: str) -> None:
    def works() -> bool:
        if service in HOSTS:
            return any(shot.answer.instance == name for shot in rolling.versions())
        return name in rolling.workers()

    within_s = REACHED_WITHIN_S if service in HOSTS else float(disrupt.target("preview_s"))
    what = f"work of {name}, which is new" if service not in HOSTS else f"an answer of {name} through {HOSTS[service]}"
    eventually(works, within_s=within_s, what=what, where="ingress" if service in HOSTS else name)
