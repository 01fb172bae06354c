"""Certificates are renewed while everybody is served."""

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from seatrial import MAJOR, Disrupt, Invalid, check, eventually, require
from seatrial.errors import Failure
from seatrial.probes.http import HttpAnswer
from seatrial.probes.tls import TlsAnswer
from seatrial.traffic import Shot, Traffic
from suites.security.test_tls import PUBLIC, Host, public_hosts

HANDSHAKES_PER_S = 4.0
REQUESTS_PER_S = 4.0
# How long both go on after the new certificate was seen, so that a late consequence is seen too.
AFTER_S = 3.0


@dataclass(frozen=True)
class Watched:
    """A public host with the two kinds of traffic to it."""

    host: Host
    handshakes: Traffic[TlsAnswer]
    requests: Traffic[HttpAnswer]

    @property
    def serials(self) -> list[str]:
        """The serial numbers of the leaves that were served, in the order of their first appearance."""
        seen = (shot.answer.leaf for shot in self.handshakes.shots)
        return list(dict.fromkeys(f"{leaf.serial_number:x}" for leaf in seen if leaf is not None))


@check("SEC-TLS-05", severity=MAJOR, component="ingress", alone=True)
def test_certificates_are_renewed_under_traffic(disrupt: Disrupt) -> None:
    """Renewal under live traffic: a new certificate is served, and not one handshake or request fails.

    Why it matters: certificates live ever shorter, so that renewal is an everyday event. Where it restarts the listener,
    comes after the expiry, or installs a chain that does not verify, every renewal is a small outage.

    How it is measured: four verified handshakes and four requests a second at each host of [urls], whether or not
    answers come, the requests over kept connections. They go on until each host has served a leaf with another serial
    number, for targets.renewal_within_s at most, and three seconds more. Not one handshake may fail, and no request may
    end without an answer or with a 5xx. A generator that was late, and a renewal that was not seen, are INVALID.

    Not covered: renewal of the authority itself (DR-TLS-01); connections that stay open for longer than the watch.
    """
    within_s = float(disrupt.target("renewal_within_s"))
    with _traffic(disrupt) as watched:
        with contextlib.suppress(Failure):
            eventually(
                lambda: all(len(each.serials) > 1 for each in watched) or _failed(watched),
                within_s=within_s,
                every_s=0.5,
                what="another certificate of every host",
            )
        _go_on(watched)
    late = max(max(each.handshakes.require_punctual(), each.requests.require_punctual()) for each in watched)
    seen = {}
    with disrupt.cases(at_least=2 * len(PUBLIC)) as cases:
        for each in watched:
            handshakes, requests = each.handshakes.shots, each.requests.shots
            refused = [shot for shot in handshakes if not shot.answer.ok]
            lost = [shot for shot in requests if (shot.answer.status or 599) >= 500]
            seen[each.host.name] = {
                "serials": each.serials,
                "handshakes": len(handshakes),
                "failed handshakes": len(refused),
                "requests": len(requests),
                "failed requests": len(lost),
                "renewed after, seconds": _renewed_after_s(handshakes),
            }
            with cases(f"requests to {each.host.name}"):
                why = [shot.answer.error or f"{shot.answer.status}" for shot in lost[:3]]
                require(not lost, "no request to fail while certificates are renewed", f"{len(lost)}: {why}")
            with cases(f"handshakes with {each.host.name}"):
                why = [str(shot.answer.error) for shot in refused[:3]]
                require(not refused, "no handshake to fail while certificates are renewed", f"{len(refused)}: {why}")
                if len(each.serials) < 2:
                    raise Invalid(f"{each.host.name} was not seen to renew its certificate within {within_s:g} s")
    disrupt.evidence("hosts", seen)
    disrupt.evidence("rates", {"handshakes a second": HANDSHAKES_PER_S, "requests a second": REQUESTS_PER_S})
    disrupt.evidence("share of late calls", late)


@contextlib.contextmanager
def _traffic(disrupt: Disrupt) -> Iterator[list[Watched]]:
    with contextlib.ExitStack() as stack:
        watched = []
        for host in public_hosts(disrupt):
            shake = partial(disrupt.tls.handshake, host.name, host.port)
            ask = partial(disrupt.http.get, f"{host.role}:/livez")
            handshakes = stack.enter_context(Traffic(shake, per_s=HANDSHAKES_PER_S, at_once=16))
            requests = stack.enter_context(Traffic(ask, per_s=REQUESTS_PER_S, at_once=16))
            watched.append(Watched(host, handshakes, requests))
        if not watched:
            raise Invalid("the profile names no public host with HTTPS")
        yield watched


def _failed(watched: list[Watched]) -> bool:
    """Say whether enough has gone wrong: what follows would change nothing."""
    return any(not shot.answer.ok for each in watched for shot in each.handshakes.shots)


def _go_on(watched: list[Watched]) -> None:
    until_s = max(each.handshakes.shots[-1].began_s for each in watched) + AFTER_S
    for each in watched:
        for traffic in (each.handshakes, each.requests):
            eventually(partial(_beyond, traffic, until_s), within_s=10 * AFTER_S, what="traffic after the renewal")


def _beyond(traffic: Traffic[TlsAnswer] | Traffic[HttpAnswer], until_s: float) -> bool:
    return traffic.shots[-1].began_s > until_s


def _renewed_after_s(shots: Sequence[Shot[TlsAnswer]]) -> float | None:
    """Return the seconds from the first handshake to the first with another leaf than that one's."""
    leaves = [(shot.began_s, shot.answer.leaf.serial_number) for shot in shots if shot.answer.leaf is not None]
    changed = [began_s for began_s, serial in leaves if serial != leaves[0][1]]
    return round(changed[0] - leaves[0][0], 1) if changed else None
