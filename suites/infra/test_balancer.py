"""The balancer: who gets requests, and who does not."""

import contextlib
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import partial

from seatrial import BLOCKER, Disrupt, Failure, Invalid, Observe, check, eventually
from seatrial.traffic import Traffic
from suites.client import Instance, instances
from suites.client.instances import HOSTS
from suites.infra._balance import Absence, Hit, judge, require_none_failed, weigh

REQUESTS_PER_S = 10.0
REQUEST_TIMEOUT_S = 2.0
STARTS_WITHIN_S = 30.0
# What a balancer may send to a pool of its own, since it takes long: it needs no account to be refused.
THOROUGH = {"api": "/v1/assets/00000000-0000-4000-8000-000000000000/promote"}
THOROUGH_PER_S = 2.0
# What makes an instance of any of our services unready and leaves it alive: a store that refuses every connection.
UNREADY = {"S3_ENDPOINT": "http://127.0.0.1:1"}


@dataclass(frozen=True)
class Balanced:
    """A service with several instances behind one public host, the traffic to it, and the instance to be taken away.

    Attributes:
        thorough: requests of what takes long; None where the service has no such route.
    """

    service: str
    traffic: Traffic[Hit]
    instances: tuple[Instance, ...]
    thorough: Traffic[Hit] | None

    @property
    def victim(self) -> Instance:
        """The first instance."""
        return self.instances[0]


@check("INF-LB-01", severity=BLOCKER, component="ingress", alone=True)
def test_nothing_is_sent_to_an_unhealthy_instance(disrupt: Disrupt) -> None:
    """The balancer health-checks every upstream, sends nothing to an unhealthy one, and takes it back when it is well.

    Why it matters: an instance that hangs, or lives but has lost its database, accepts connections like a good one. A
    balancer that only notices refused connections goes on sending it every second request.

    How it is measured: ten GET /version a second through the public host of each service that has several instances,
    whether or not answers come; each answer names its instance. First one instance of each is frozen, so that it
    accepts and never answers; then one is restarted with a store that refuses it, so that it is alive, answers
    /version, and says 503 on its ready path. Within targets.balancer_out_s of being frozen the last request may have
    gone there; after that, and all through the orderly restart, no request may fail, and the unready instance must get
    none. Let go on, it must answer again within targets.balancer_back_s. Meanwhile two promotions a second are asked for without a
    token: a balancer may have a pool of its own for what takes long, and none of them may end otherwise than with 401, but for
    those that a frozen instance excuses. A generator that was late is INVALID.

    Not covered: services with one instance, and the object store; requests that are longer than the health check's
    interval and were under way (DEP-ROLL-01).
    """
    most_out_s, most_back_s = float(disrupt.target("balancer_out_s")), float(disrupt.target("balancer_back_s"))
    for call in ("restart", "pause", "resume"):
        if not disrupt.platform.offers(call):
            raise Invalid(f"the platform does not offer {call}")
    with _traffic(disrupt) as balanced:
        for each in balanced:
            wanted = {instance.name for instance in each.instances}
            eventually(
                partial(_answered_by, each, wanted), within_s=STARTS_WITHIN_S, what=f"answers of {sorted(wanted)}"
            )
        frozen = _freeze(disrupt, balanced, most_out_s, most_back_s)
        unready = _make_unready(disrupt, balanced, most_out_s, most_back_s)
    thorough = {each.service: each.thorough for each in balanced if each.thorough}
    late = {each.service: each.traffic.require_punctual() for each in balanced}
    late |= {f"{service}, what takes long": traffic.require_punctual() for service, traffic in thorough.items()}
    with disrupt.cases(at_least=2 * (len(balanced) + len(thorough))) as cases:
        for how, each, absence in _told(balanced, frozen=frozen, unready=unready):
            balance = weigh(each.traffic.shots, absence, most_out_s)
            disrupt.evidence(f"{absence.victim} {how}", asdict(balance))
            with cases(f"{absence.victim} {how}"):
                judge(balance, absence, most_out_s=most_out_s, most_back_s=most_back_s, where="ingress")
            if each.thorough:
                with cases(f"{absence.victim} {how}, what takes long"):
                    balance = weigh(each.thorough.shots, absence, most_out_s)
                    require_none_failed(balance, absence, most_out_s=most_out_s, where="ingress", what="promotion")
    disrupt.evidence("requests a second", {each.service: REQUESTS_PER_S for each in balanced})
    disrupt.evidence("share of late requests", late)


@contextlib.contextmanager
def _traffic(disrupt: Disrupt) -> Iterator[list[Balanced]]:
    with contextlib.ExitStack() as stack:
        balanced = []
        for service, host in HOSTS.items():
            found = tuple(each for each in instances(disrupt, service) if each.via)
            if len(found) > 1 and host in disrupt.profile.urls:
                traffic = Traffic(partial(_ask, disrupt, service, host), per_s=REQUESTS_PER_S)
                thorough = None
                if service in THOROUGH:
                    ask = partial(_ask_thorough, disrupt, f"{host}:{THOROUGH[service]}")
                    thorough = stack.enter_context(Traffic(ask, per_s=THOROUGH_PER_S))
                balanced.append(Balanced(service, stack.enter_context(traffic), found, thorough))
        if not balanced:
            raise Invalid("the profile lists no service with several instances behind a public host")
        yield balanced


def _ask(observe: Observe, service: str, host: str) -> Hit:
    answer = observe.http.get(f"{host}:{observe.profile.services[service].version}", timeout_s=REQUEST_TIMEOUT_S)
    if answer.status != 200:
        return Hit(failure=answer.error or f"{answer.status}")
    return Hit(instance=str(answer.json().get("instance", "")))


def _ask_thorough(disrupt: Disrupt, url: str) -> Hit:
    answer = disrupt.http.post(url, timeout_s=REQUEST_TIMEOUT_S)
    return Hit(failure="" if answer.status == 401 else answer.error or f"{answer.status}")


def _answered_by(each: Balanced, wanted: set[str]) -> bool:
    return wanted <= {shot.answer.instance for shot in each.traffic.shots}


def _freeze(disrupt: Disrupt, balanced: list[Balanced], most_out_s: float, most_back_s: float) -> list[Absence]:
    absences = [Absence(each.victim.name, lossless=False) for each in balanced]
    for absence in absences:
        absence.begun_s = absence.gone_s = time.monotonic()
        disrupt.platform.pause(absence.victim)
    _watch(balanced, most_out_s)
    for absence in absences:
        absence.given_back_s = absence.well_s = time.monotonic()
        disrupt.platform.resume(absence.victim)
    _await_return(balanced, absences, most_back_s)
    return absences


def _make_unready(disrupt: Disrupt, balanced: list[Balanced], most_out_s: float, most_back_s: float) -> list[Absence]:
    absences = [Absence(each.victim.name, lossless=True) for each in balanced]
    for absence in absences:
        absence.begun_s = time.monotonic()
        disrupt.platform.restart(absence.victim, UNREADY, at_once=True)
    for each, absence in zip(balanced, absences, strict=True):
        _await_ready(disrupt, each.victim, 503)
        absence.gone_s = time.monotonic()
    _watch(balanced, most_out_s)
    for absence in absences:
        absence.given_back_s = time.monotonic()
    disrupt.undo()
    for each, absence in zip(balanced, absences, strict=True):
        _await_ready(disrupt, each.victim, 200)
        absence.well_s = time.monotonic()
    _await_return(balanced, absences, most_back_s)
    return absences


def _await_ready(disrupt: Disrupt, instance: Instance, status: int) -> None:
    """Wait until the ready path answers so; an instance that does not get there is no measurement of the balancer."""
    path = disrupt.profile.services[instance.service].ready
    try:
        eventually(
            lambda: disrupt.http.get(instance.url(path), via=instance.via).status == status,
            within_s=STARTS_WITHIN_S,
            what=f"{status} from {path} of {instance.name}",
        )
    except Failure as failure:
        raise Invalid(str(failure)) from None


def _watch(balanced: list[Balanced], most_out_s: float) -> None:
    """Let traffic go on until some requests have ended that began after the last moment for the balancer to notice."""
    until_s = time.monotonic() + most_out_s + REQUEST_TIMEOUT_S
    for each in balanced:
        eventually(
            lambda each=each: each.traffic.shots[-1].began_s > until_s,  # type: ignore[misc]
            within_s=most_out_s + 5 * REQUEST_TIMEOUT_S,
            what="requests to go on",
        )


def _await_return(balanced: list[Balanced], absences: list[Absence], most_back_s: float) -> None:
    """Wait for the victims' next answers, however that ends: the requests are judged later."""
    for each, absence in zip(balanced, absences, strict=True):
        with contextlib.suppress(Failure):
            eventually(partial(_is_back, each, absence), within_s=most_back_s, what=f"an answer of {absence.victim}")
        absence.over_s = time.monotonic()


def _is_back(each: Balanced, absence: Absence) -> bool:
    return any(shot.began_s >= absence.well_s and shot.answer.instance == absence.victim for shot in each.traffic.shots)


def _told(balanced: list[Balanced], **absences: list[Absence]) -> Iterator[tuple[str, Balanced, Absence]]:
    for how, found in absences.items():
        for each, absence in zip(balanced, found, strict=True):
            yield how, each, absence
