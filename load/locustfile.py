"""Load on the product: `seatrial load`, or by itself `locust -f load/locustfile.py --host https://api...`.

The profile (SEATRIAL_PROFILE, else local) names hosts, authority, accounts, weights and the file of the objective. Figures
that count are those of the open model, which `seatrial load` shows and `--record` writes; Locust's own table and pages show
rounded times, those of single requests counted from when they were sent (rows "open": from the intended start).
"""

# Locust comes first, since it patches the standard library; then the tree that this file stands in.
# ruff: noqa: E402, I001
import locust

import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import gevent

from load.desk import OpenUser
from load.journeys import JOURNEYS, Given
from load.open_model import Journey
from load.pilot import Pilot
from load.slo import Slo, read_slo
from load.transport import LoadHttp, resolve_as, trusting
from load.wiring import wire
from seatrial.errors import ProfileError
from seatrial.profile import find, load
from suites.client import Client

__all__ = ["Pilot", "Visitors", "locust"]

PROFILE = load(find(None))
resolve_as(PROFILE)


def target(name: str) -> str:
    """Return a figure from the profile's [targets]; raises ProfileError."""
    if name not in PROFILE.targets:
        raise ProfileError(f"{PROFILE.path}: targets.{name} is missing: load cannot be judged without it")
    return str(PROFILE.targets[name])


def weights() -> Mapping[str, float]:
    """Read the journeys' weights: load_weights = ["browse 60", ...]."""
    target("load_weights")
    lines = PROFILE.targets["load_weights"]
    found = {name: float(weight) for name, weight in (str(line).split() for line in lines)}  # type: ignore[union-attr]
    if unknown := found.keys() - JOURNEYS.keys():
        raise ProfileError(f"{PROFILE.path}: targets.load_weights: no journey {min(unknown)!r}")
    return found


def slo() -> Slo:
    """Read the objective from the file that the profile names."""
    return read_slo(ROOT / target("load_slo"))


wire(slo, weights(), lambda: float(target("load_per_s")), f"{PROFILE.name} ({PROFILE.digest[:12]})")


class Visitors(OpenUser):
    """People who browse, bring, watch and keep videos."""

    host = PROFILE.urls["api"]
    ssl_context_factory = staticmethod(trusting(PROFILE))
    connection_timeout = network_timeout = 10.0
    given: Given | None = None
    chores: tuple[gevent.Greenlet, ...] = ()

    def prepare(self) -> Mapping[str, Journey]:
        """Sign in with an account of this worker's own, and bring what is to be watched."""
        account = PROFILE.accounts[self.desk.number % len(PROFILE.accounts)]
        client = Client(LoadHttp(self.client, {**PROFILE.urls, "api": self.host}))
        given = self.given = Given.prepare(client, account.email, PROFILE.secret(account.password))
        self.chores = gevent.spawn(given.stay_signed_in), gevent.spawn(given.remove_some)
        return {name: partial(journey, given) for name, journey in JOURNEYS.items()}

    def tidy(self) -> None:
        """Remove all that was brought, if it came to that."""
        gevent.killall(self.chores)
        if self.given:
            self.given.tidy()
