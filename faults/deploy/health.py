"""Instances that are gone, and probes that lie."""

from typing import ClassVar

from faults._code import PatchedRelease
from faults._instance import dependency, door
from seatrial import Destroy, Observe, fault
from seatrial.platform import Patch

HEALTH, PROBES = "system/common/health.py", "system/common/probes.py"
NOBODY = "http://127.0.0.1:1"


@fault(
    "edge-instance-down",
    kind="process",
    caught_by={"DEP-HLT-01": "refused", "SEC-HTTP-04": ("INVALID", "edge-2 did not answer a harmless request")},
)
class InstanceDown:
    """One of the edge instances is gone; the balancer hides it from the public host.

    Source: https://aws.amazon.com/builders-library/implementing-health-checks/
    """

    def strike(self, destroy: Destroy) -> None:
        """Stop it."""
        destroy.platform.stop("edge-2")

    def in_effect(self, observe: Observe) -> bool:
        """Find nobody listening at its address."""
        return door(observe, "edge", "edge-2") == "refused"


@fault("worker-hangs", kind="process", caught_by={"DEP-HLT-01": "timed out"})
class WorkerHangs:
    """The worker's process is there, its port accepts, and nothing ever answers.

    Source: P. Huang et al., "Gray Failure: The Achilles' Heel of Cloud-Scale Systems", HotOS 2017
    """

    def strike(self, destroy: Destroy) -> None:
        """Freeze it."""
        destroy.platform.pause("worker-1")

    def in_effect(self, observe: Observe) -> bool:
        """Connect, and wait in vain for an answer."""
        place = observe.profile.services["worker"].instances["worker-1"]
        silent = observe.http.get("api:/livez", via=place, timeout_s=1.0).status is None
        return silent and door(observe, "worker", "worker-1") == "open"


@fault("store-at-another-place", kind="configuration", caught_by={"DEP-HLT-01": "200 from the ready probe of edge-2"})
class StoreElsewhere:
    """One instance was given an address of the store at which nobody listens; the balancer hides it from the public host.

    Source: https://support.bemyeyes.com/hc/en-us/articles/35895614277137-Service-Incident-June-4-2025-Call-and-chat-features-unavailable-due-to-bad-configuration
    (one variable of the environment that was wrong)
    """

    def strike(self, destroy: Destroy) -> None:
        """Restart it with that address; it lives, and does not become ready."""
        destroy.platform.restart("edge-2", {"S3_ENDPOINT": NOBODY}, at_once=True)

    def in_effect(self, observe: Observe) -> bool:
        """Find it alive and without a store, and the other instance with it."""
        lost, whole = (dependency(observe, "edge", name, "s3") for name in ("edge-2", "edge-1"))
        return lost is False and whole is True


@fault(
    "frontend-asks-somebody-else",
    kind="configuration",
    caught_by={"DEP-HLT-02": "ready of frontend-1 red"},
    takes_s=20.0,
)
class AsksSomebodyElse:
    """The frontend was given the address of another service for the API's: it finds that one alive, whatever the API does.

    Source: https://www.storecode.pro/logs/incident-report-config-drift-across-multi-region-clusters (dependency endpoints that
    were assumed to be the same, and were not)
    """

    def strike(self, destroy: Destroy) -> None:
        """Restart it with an edge's address."""
        destroy.platform.restart("frontend-1", {"API_INTERNAL_URL": self._edge(destroy)})

    def in_effect(self, observe: Observe) -> bool:
        """Have it ask for somebody's assets, of which the API says 401 and an edge, which knows no such path, 404."""
        via, asked = observe.profile.services["frontend"].instances["frontend-1"], {"Cookie": "__Host-access=none"}
        return observe.http.get("app:/", via=via, headers=asked | {"Accept": "text/html"}).status == 404

    @staticmethod
    def _edge(handle: Observe) -> str:
        return f"http://{handle.profile.services['edge'].instances['edge-1']}"


@fault("ready-always-green", kind="code", caught_by={"DEP-HLT-02": "red with 503"}, takes_s=30.0)
class AlwaysGreen(PatchedRelease):
    """Ready says 200 whatever its dependencies do.

    Source: https://aws.amazon.com/builders-library/implementing-health-checks/ (shallow checks miss lost dependencies)
    """

    patch: ClassVar = [Patch(file=HEALTH, find=" and not any(needed)", replace="")]


@fault("live-follows-dependencies", kind="code", caught_by={"DEP-HLT-02": "green, and within"}, takes_s=30.0)
class LiveFollows(PatchedRelease):
    """Live fails when a dependency does, so that an outage of Redis restarts every worker.

    Source: https://kubernetes.io/docs/tasks/configure-pod-container/configure-liveness-readiness-startup-probes/ (wrongly
    built liveness probes lead to cascading failures)
    """

    services = ("worker",)
    patch: ClassVar = [
        Patch(
            file=PROBES,
            find='        return JSONResponse({"status": "ok"})\n',
            replace="        report = await readiness.report()\n        return JSONResponse(report.body, status_code=report.status_code)\n",
        )
    ]


@fault("live-follows-dependencies-later", kind="code", caught_by={"DEP-HLT-02": "green, and within"}, takes_s=30.0)
class LiveFollowsLater(PatchedRelease):
    """Live bears the loss of a dependency for some seconds and fails then, as if that were patience enough for an outage.

    Source: https://kubernetes.io/docs/tasks/configure-pod-container/configure-liveness-readiness-startup-probes/ (wrongly
    built liveness probes lead to cascading failures)
    """

    services = ("worker",)
    patch: ClassVar = [
        Patch(
            file=PROBES,
            find='        return JSONResponse({"status": "ok"})\n',
            replace=(
                "        report, now_s = await readiness.report(), asyncio.get_running_loop().time()\n"
                "        lost_s[:] = (lost_s or [now_s]) if report.status_code != 200 else []\n"
                "        late = bool(lost_s) and now_s - lost_s[0] > 4.0\n"
                '        return JSONResponse({"status": "ok"}, status_code=503 if late else 200)\n'
            ),
        ),
        Patch(
            file=PROBES,
            find="    async def live(_request: Request) -> Response:\n",
            replace="    lost_s: list[float] = []\n\n    async def live(_request: Request) -> Response:\n",
        ),
        Patch(
            file=PROBES,
            find="from starlette.requests import Request\n",
            replace="import asyncio\n\nfrom starlette.requests import Request\n",
        ),
    ]


@fault("probe-without-timeout", kind="code", caught_by={"DEP-HLT-02": "timed out after"}, takes_s=30.0)
class ProbeHangs(PatchedRelease):
    """A readiness probe waits for a hanging dependency as long as that pleases.

    Source: https://aws.amazon.com/builders-library/timeouts-retries-and-backoff-with-jitter/
    """

    patch: ClassVar = [
        Patch(
            file=HEALTH,
            find="asyncio.wait({task}, timeout=self._timeout_s)",
            replace="asyncio.wait({task}, timeout=30)",
        ),
        Patch(file="system/common/database.py", find="wait_s: float = 2.0", replace="wait_s: float = 30.0"),
    ]


@fault("ready-without-an-encoder", kind="code", caught_by={"DEP-HLT-02": "naming ffmpeg"}, takes_s=30.0)
class ReadyWithoutAnEncoder(PatchedRelease):
    """The worker is ready once it has a program to run, and not once that has encoded something: a broken release is rolled out.

    Source: https://aws.amazon.com/builders-library/implementing-health-checks/ (checks that pass while the work cannot be done)
    """

    services = ("worker",)
    patch: ClassVar = [
        Patch(
            file="system/worker/service.py",
            find="if self._encoder is None or not os.access(self._ffmpeg, os.X_OK):",
            replace="if not os.access(self._ffmpeg, os.X_OK):",
        )
    ]
