"""The smallest locustfile that flies by the open model: GET / of SMALL_HOST, held against an objective without times.

With SMALL_ALSO half of the visitors GET /glance.
"""

# ruff: noqa: I001
import locust

import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import gevent

from load.desk import OpenUser
from load.open_model import Journey
from load.pilot import Pilot
from load.slo import Slo
from load.transport import LoadHttp
from load.wiring import wire
from suites.client.session import promised

__all__ = ["Pilot", "Small", "locust"]

WEIGHTS = {"look": 1.0, "glance": 1.0} if os.environ.get("SMALL_ALSO") else {"look": 1.0}
LIMITS = {"p50_ms": 300, "p95_ms": 500, "p99_ms": 1000, "failed_share": 0.01, "least": 50}
SLO = Slo.model_validate(
    {
        "dropped_share": 0.0,
        "failed_share": 0.01,
        "generator": {"cpu_share": 0.99, "lag_p99_ms": 400},
        "journeys": dict.fromkeys(WEIGHTS, LIMITS),
    }
)
wire(lambda: SLO, WEIGHTS, lambda: 50.0, os.environ.get("SMALL_PROFILE", "small"))


def starve() -> None:
    while True:
        gevent.sleep(0.05)
        until = time.perf_counter() + 0.5
        while time.perf_counter() < until:
            pass


class Small(OpenUser):
    host = os.environ.get("SMALL_HOST", "http://127.0.0.1:1")

    def prepare(self) -> Mapping[str, Journey]:
        http = LoadHttp(self.client, {"api": self.host})
        if os.environ.get("STARVED"):
            gevent.spawn(starve)

        def look() -> None:
            promised(http.request("GET", "api:/"), 200)

        def glance() -> None:
            promised(http.request("GET", "api:/glance"), 200)

        return {"look": look, "glance": glance}
