"""Balancers that do not look, look at the wrong thing, or believe what they are told."""

import re
import time
from typing import ClassVar

from faults._code import PatchedRelease
from faults.security._ingress import PatchedIngress
from seatrial import Observe, fault
from seatrial.platform import Patch
from suites.monitoring._exposition import parse, total

HEALTH = "system/common/health.py"
PASSIVE = "\t\tfail_duration 2s\n\t\tlb_policy round_robin\n\t\tlb_try_interval 100ms\n\t\theader_up -Forwarded\n"


@fault("lb-health-check-removed", kind="configuration", caught_by={"INF-LB-01": "frozen nothing sent to"})
class HealthCheckRemoved(PatchedIngress):
    """The edge's upstreams are not asked for their health any more; only refused connections are noticed.

    Source: P. Huang et al., "Gray Failure: The Achilles' Heel of Cloud-Scale Systems", HotOS 2017
    """

    def edits(self, loaded: str) -> list[tuple[str, str]]:
        """Leave the health check out of the edge's site."""
        site = re.search(
            r"https://play\.[^\n]*\{\n(?:\t.*\n)*?((\treverse_proxy .*\n)\t\timport upstream \S+\n)", loaded
        )
        assert site is not None
        return [(site[1], f"{site[2]}{PASSIVE}")]


@fault(
    "lb-health-check-removed-for-long-requests",
    kind="configuration",
    caught_by={"INF-LB-01": "no promotion to fail"},
    takes_s=30.0,
)
class HealthCheckRemovedForLongRequests(PatchedIngress):
    """The pool that promotions go to was given a time-out of its own, and no health check: every second one waits for an api that hangs.

    Source: https://caddyserver.com/docs/caddyfile/directives/reverse_proxy (health checks are those of one reverse_proxy)
    """

    LEAST_PER_S, OVER_S = 2.0, 8.0  # 2.5 at rest: the balancer each second for both pools, and the exporter every other
    _first: tuple[float, float] | None = None

    def edits(self, _loaded: str) -> list[tuple[str, str]]:
        """Leave the health check out of that pool."""
        return [("\t\timport upstream 100s\n", PASSIVE)]

    def shows(self, observe: Observe) -> bool:
        """Compare two counts of how often an api was asked for its health, some seconds apart."""
        answer = observe.http.get("/metrics", via=observe.profile.services["api"].instances["api-1"])
        now, asked = time.monotonic(), total([parse(answer.text, "api-1")], "http_requests_total", route="/readyz")
        self._first = self._first or (now, asked)
        took_s = now - self._first[0]
        return took_s >= self.OVER_S and asked - self._first[1] < self.LEAST_PER_S * took_s


@fault("lb-health-check-of-life", kind="configuration", caught_by={"INF-LB-01": "unready nothing sent to"})
class HealthCheckOfLife(PatchedIngress):
    """The balancer asks whether instances live, which is also true of those that can serve nobody.

    Source: https://aws.amazon.com/builders-library/implementing-health-checks/ (liveness checks and local health checks)
    """

    def edits(self, _loaded: str) -> list[tuple[str, str]]:
        """Ask another path."""
        return [("(upstream) {\n\thealth_uri /readyz", "(upstream) {\n\thealth_uri /livez")]


@fault("lb-health-check-too-seldom", kind="configuration", caught_by={"INF-LB-01": "frozen nothing sent to"})
class HealthCheckTooSeldom(PatchedIngress):
    """Somebody found the health checks' lines in the log too many, and asks once a minute.

    Source: https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-health-checks.html (interval
    and threshold together are how long requests go to a target that is gone)
    """

    def edits(self, _loaded: str) -> list[tuple[str, str]]:
        """Stretch the interval."""
        return [("health_interval 1s", "health_interval 60s")]


@fault("lb-told-ready-always", kind="code", caught_by={"INF-LB-01": ("INVALID", "503 from /readyz")}, takes_s=30.0)
class ToldReadyAlways(PatchedRelease):
    """Instances call themselves ready whatever they have lost: no balancer can leave one out, and none can be judged.

    Source: https://aws.amazon.com/builders-library/implementing-health-checks/ (shallow checks miss lost dependencies)
    """

    patch: ClassVar = [Patch(file=HEALTH, find=" and not any(needed)", replace="")]
