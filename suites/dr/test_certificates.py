"""The drill for certificates: the ingress' authority is lost, and what was issued expires everywhere at once."""

import time
from collections.abc import Callable
from functools import partial
from math import inf

from seatrial import BLOCKER, Disrupt, Invalid, Plan, check, require
from seatrial.drills import Drill
from seatrial.errors import EnvironmentFault
from seatrial.probes.tls import TlsAnswer
from seatrial.traffic import Traffic
from suites.client import instances, signed_in
from suites.dr._steady import steady
from suites.security.test_tls import public_hosts

SHORT_S = 15  # how long certificates live while their renewal is watched
STAYS_DOWN_S = 2.0  # longer than a restart takes
READY_PER_S = 2.0  # questions to every instance
HOSTS, STORES = 4, ("postgres", "redis")
STRUCK = ("ingress", *STORES)  # the ingress takes longest
EXPIRED = "expired"


@check(
    "DR-TLS-01",
    severity=BLOCKER,
    component="ingress",
    plan=Plan(
        strikes="the key of the ingress' authority is deleted; then certificates of ingress, PostgreSQL and Redis expire",
        noticed="everybody, for some seconds: nobody reaches the ingress; sessions with PostgreSQL and Redis go on",
        undone="every certificate is made anew, the ingress' by a new authority",
        undo_s=20.0,
        answered_by=("SEC-TLS-01", "SEC-TLS-02"),
    ),
)
def test_lost_and_expired_certificates_are_replaced(disrupt: Disrupt) -> None:
    """A lost authority and expired certificates are replaced within the target, and what is new renews itself.

    Why it matters: an expired certificate stops everybody at one known second, usually on a holiday, and often because what
    should have renewed it could not sign any more. Whoever has never made the authority anew learns then what hangs on it.

    How it is measured: first the key of the ingress' authority is deleted, and the ingress restarted. Manipulation check:
    no public host answers a handshake, for longer than a restart takes. The documented call makes a new authority: within
    targets.certificate_s every host must verify against the trust anchor, read anew from where the profile says, with another
    authority between. Its certificates live 15 s, and each must be replaced by renewal alone. Then ingress,
    PostgreSQL and Redis are given expired certificates; manipulation check: a handshake with each says so. Every one must be
    replaced within targets.certificate_s of that by the same call. Meanwhile every instance must stay ready, over the sessions with
    PostgreSQL and Redis that it has, and sessions of before must outlast the exchange. In the end every chain verifies, with
    serial numbers that are new, and more left than targets.renewal_window_s.

    Not covered: the loss of the root, which every client has to be given anew (docs/secrets.md); certificates of pooler,
    Sentinels and standbys; clients that pin a certificate.
    """
    if not disrupt.platform.offers("certificate"):
        raise Invalid("the platform does not offer certificate")
    within_s = float(disrupt.target("certificate_s"))
    places = _places(disrupt)
    with (
        Drill(disrupt, steady(disrupt, signed_in(disrupt)), within_s=float(disrupt.target("ready_s"))) as drill,
        Traffic(partial(_unready, disrupt), per_s=READY_PER_S, at_once=4) as ready,
    ):
        drill.watch("instances", ready, lambda said: not said)
        at_ingress = {name: ask for name, ask in places.items() if name not in STORES}
        before = {name: ask() for name, ask in places.items()}
        drill.strike(
            "authority lost",
            lambda: disrupt.platform.certificate("ingress", lost=True),
            _StaysDown(at_ingress).seen,
            within_s=within_s,
        )
        refusal = _refusal(lambda: disrupt.platform.certificate("ingress", seconds=SHORT_S))
        first = _Fresh(at_ingress, before, refusal, issuer=True)
        drill.recover({"authority replaced": first.seen}, within_s=within_s, where="ingress")
        renewed = _Fresh(at_ingress, first.answers)
        drill.recover({"renewed by itself": renewed.seen}, within_s=within_s + SHORT_S, where="ingress")
        sessions = _sessions(disrupt)
        drill.strike("certificates expired", lambda: _expire(disrupt), lambda: _all_expired(places), within_s=within_s)
        refusals = {part: _refusal(partial(disrupt.platform.renew, part)) for part in STRUCK}
        replaced = {"ingress": at_ingress, **{part: {part: places[part]} for part in STORES}}
        drill.recover(
            {f"{part} replaced": _Fresh(replaced[part], before, refusals[part]).seen for part in STRUCK},
            within_s=within_s,
            where="ingress",
        )
        drill.require_steady()
        require(
            _sessions(disrupt) == sessions, "sessions of before still open", f"{sessions}, then {_sessions(disrupt)}"
        )
    _judge(disrupt, ready)
    _require_good(disrupt, places, before)


def _refusal(act: Callable[[], object]) -> str:
    """Have the platform replace a certificate, and return why it did not, or nothing: what it cannot do was measured, too."""
    try:
        act()
    except EnvironmentFault as fault:
        return str(fault)
    return ""


class _StaysDown:
    """Whether no host has answered a handshake for a while."""

    def __init__(self, places: dict[str, Callable[[], TlsAnswer]]) -> None:
        self._places, self._since_s = places, inf

    def seen(self) -> bool:
        served = any(ask().chain for ask in self._places.values())
        self._since_s = inf if served else min(self._since_s, time.monotonic())
        return time.monotonic() - self._since_s > STAYS_DOWN_S


class _Fresh:
    """Whether every place serves a chain that verifies, with another leaf, or another authority, than before."""

    def __init__(
        self,
        places: dict[str, Callable[[], TlsAnswer]],
        before: dict[str, TlsAnswer],
        refusal: str = "",
        *,
        issuer: bool = False,
    ) -> None:
        self._places, self._before, self._refusal, self._issuer = places, before, refusal, issuer
        self.answers: dict[str, TlsAnswer] = {}

    def seen(self) -> bool:
        require(not self._refusal, "a new certificate from the platform", self._refusal, "platform")
        for name, ask in self._places.items():
            answer = ask()
            require(answer.ok, f"a handshake with {name}", str(answer.error), name)
            level = -1 if self._issuer else 0
            old, new = self._before[name].chain[level], answer.chain[level]
            require(new.serial_number != old.serial_number, f"another certificate of {name}", "the one of before", name)
            self.answers[name] = answer
        return True


def _places(disrupt: Disrupt) -> dict[str, Callable[[], TlsAnswer]]:
    """Return how to shake hands with each public host, PostgreSQL and Redis, by name."""
    places: dict[str, Callable[[], TlsAnswer]] = {
        each.name: partial(disrupt.tls.handshake, each.name, each.port) for each in public_hosts(disrupt)
    }
    postgres, redis = disrupt.profile.postgres, disrupt.profile.redis
    if len(places) < HOSTS or postgres is None or redis is None or not redis.tls:
        raise Invalid(f"{HOSTS} public hosts, PostgreSQL and Redis with TLS are needed, the profile names fewer")
    places["postgres"] = partial(disrupt.tls.handshake, postgres.host, postgres.port, starttls="postgres")
    places["redis"] = partial(disrupt.tls.handshake, redis.host, redis.port)
    return places


def _unready(disrupt: Disrupt) -> str:
    """Name the instances that are not ready, with what they say, each asked at its own address."""
    said = []
    for each in instances(disrupt):
        answer = disrupt.http.get(each.url(disrupt.profile.services[each.service].ready), via=each.via, timeout_s=5.0)
        said += [] if answer.status == 200 else [f"{each.name}: {answer.error or answer.status}"]
    return ", ".join(said)


def _expire(disrupt: Disrupt) -> None:
    for part in STRUCK:
        disrupt.platform.certificate(part, days=0)


def _all_expired(places: dict[str, Callable[[], TlsAnswer]]) -> bool:
    return all(EXPIRED in (ask().error or "") for ask in places.values())


def _sessions(disrupt: Disrupt) -> dict[str, int]:
    """Return what identifies this client's own kept sessions at the servers."""
    pid = disrupt.pg.rows("select pg_backend_pid() as pid")[0]["pid"]
    return {"postgres": int(pid), "redis": int(disrupt.redis.read("CLIENT", "INFO")["id"])}


def _judge(disrupt: Disrupt, ready: Traffic[str]) -> None:
    """Demand that no instance was ever not ready."""
    late = ready.require_punctual(late_s=2.0)
    failed = [shot.answer for shot in ready.shots if shot.answer]
    disrupt.evidence("instances asked", {"times": len(ready.shots), "not ready": len(failed), "share late": late})
    require(not failed, "every instance ready all the time", f"{len(failed)} times not: {failed[:3]}", "services")


def _require_good(disrupt: Disrupt, places: dict[str, Callable[[], TlsAnswer]], before: dict[str, TlsAnswer]) -> None:
    """Demand that every chain verifies, is new, and lives long enough."""
    window_s = float(disrupt.target("renewal_window_s"))
    left_s: dict[str, float] = {}
    with disrupt.cases(at_least=HOSTS + len(STORES)) as cases:
        for name, ask in places.items():
            with cases(name):
                answer = ask()
                require(answer.ok and answer.chain, f"a chain of {name} that verifies", str(answer.error))
                require(
                    answer.chain[0].serial_number != before[name].chain[0].serial_number, "a new serial", "the old one"
                )
                left_s[name] = round(answer.not_after_s or 0.0, 1)
                require(
                    left_s[name] > window_s,
                    f"more than {window_s:g} s left on every certificate of {name}",
                    f"{left_s[name]} s",
                )
    disrupt.evidence("seconds left", left_s)
