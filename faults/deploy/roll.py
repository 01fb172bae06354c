"""Releases that come, go and stay badly."""

import re
import secrets
from typing import ClassVar

from faults._code import PatchedRelease
from faults.security._ingress import PatchedIngress
from seatrial import Destroy, Observe, fault
from seatrial.platform import Patch

SERVE, CONSUMER, HEALTH = "system/common/serve.py", "system/worker/consumer.py", "system/common/health.py"
SETTINGS, PAGES, PLAY = "system/api/settings.py", "system/frontend/pages.py", "system/edge/play.py"
UNKNOWN = "29991231235959"
SITES = re.compile(r"\treverse_proxy (?:@\S+ )?([\d.:]+ [\d.:]+)((?: [\d.:]+)+) \{\n\t\timport upstream \S+\n")
RETRIED = re.compile(r"(\t\timport upstream \S+\n)\t\tlb_try_duration \S+\n")


@fault(
    "drain-time-zero",
    kind="code",
    caught_by={"DEP-ROLL-01": "long requests none of the", "DEP-ROLL-04": "requests to fail"},
    takes_s=40.0,
)
class DrainTimeZero(PatchedRelease):
    """Once the listener is closed, a stopping instance cuts what is still under way.

    Source: https://docs.aws.amazon.com/elasticloadbalancing/latest/application/edit-target-group-attributes.html
    (deregistration delay: what is in flight is given time, and is cut when the target ends before)
    """

    patch: ClassVar = [
        Patch(
            file=SERVE,
            find="timeout_graceful_shutdown=int(DRAIN_S - NOTICE_S)",
            replace="timeout_graceful_shutdown=0",
        )
    ]


@fault(
    "balancer-neither-asks-nor-retries",
    kind="configuration",
    caught_by={"DEP-ROLL-01": "short requests none of the"},
    takes_s=20.0,
)
class NeitherAsksNorRetries(PatchedIngress):
    """The balancer asks once a minute who is ready, and gives every request one try.

    Source: https://aws.amazon.com/builders-library/implementing-health-checks/
    """

    def edits(self, loaded: str) -> list[tuple[str, str]]:
        """Stretch the interval, and leave the retries of every site out."""
        retried = [(found[0], f"{found[1]}\t\tlb_retries 0\n") for found in RETRIED.finditer(loaded)]
        assert retried
        return [("health_interval 1s", "health_interval 60s"), *retried]


@fault(
    "worker-fails-its-job-when-stopped", kind="code", caught_by={"DEP-ROLL-01": "status failed: stopped"}, takes_s=40.0
)
class FailsItsJob(PatchedRelease):
    """A worker that is told to stop gives up the job in its hands, as if the file were at fault.

    Source: https://12factor.net/disposability (a worker returns its current job to the queue when it is told to stop)
    """

    services = ("worker",)
    patch: ClassVar = [
        Patch(file=CONSUMER, find="FINISH_S = 8.0", replace="FINISH_S = 0.0"),
        Patch(
            file=CONSUMER,
            find='            await self._put_back(job, entry, "released", None)\n',
            replace='            await self._jobs.fail(job, "stopped")\n            await self._stream.end(entry)\n',
        ),
    ]


@fault(
    "health-gate-off",
    kind="code",
    caught_by={"DEP-ROLL-02": "never ready it to be rolled back by itself"},
    takes_s=40.0,
)
class GateOff(PatchedRelease):
    """Ready says 200 whatever its dependencies do, so that the gate of a deploy has nothing to go by.

    Source: https://kubernetes.io/docs/concepts/workloads/controllers/deployment/ (a roll-out goes on when new pods are
    ready)
    """

    patch: ClassVar = [Patch(file=HEALTH, find=" and not any(needed)", replace="")]


@fault("traffic-to-the-unready", kind="configuration", caught_by={"DEP-ROLL-02": "no answer from the bad release"})
class TrafficToTheUnready(PatchedIngress):
    """The balancer asks whether instances live: one of a bad release, on trial, lives.

    Source: https://aws.amazon.com/builders-library/implementing-health-checks/ (liveness checks)
    """

    def edits(self, _loaded: str) -> list[tuple[str, str]]:
        """Ask another path."""
        return [("(upstream) {\n\thealth_uri /readyz", "(upstream) {\n\thealth_uri /livez")]


@fault("rollback-keeps-new-configuration", kind="code", caught_by={"DEP-ROLL-03": "after the rollback"}, takes_s=40.0)
class KeepsConfiguration(PatchedRelease):
    """The API keeps the shortest link lifetime that it was ever told in one file, which every later release reads.

    Source: https://sre.google/workbook/configuration-design/ (a configuration change must be able to be rolled back)
    """

    def strike(self, destroy: Destroy) -> None:
        """Deploy it with a file of its own for this strike, in the directory of the release that is first to write it."""
        own = f'__import__("pathlib").Path(__file__).with_name("lifetime-{secrets.token_hex(4)}")'
        find = "    reader.finish()\n    return settings\n\n\ndef read_account"
        replace = (
            f"    reader.finish()\n    own, seconds = {own}, settings.link_lifetime_s\n"
            '    kept = next(own.parents[3].glob(f"*/system/api/{own.name}"), own)\n'
            "    seconds = min(seconds, int(kept.read_text())) if kept.exists() else seconds\n"
            "    kept.write_text(str(seconds))\n"
            '    return __import__("dataclasses").replace(settings, link_lifetime_s=seconds)\n\n\ndef read_account'
        )
        patch = [Patch(file=SETTINGS, find=find, replace=replace)]
        self._release = destroy.platform.deploy(patch, at_once=True).release


@fault("configuration-pinned-by-hand", kind="process", caught_by={"DEP-ROLL-03": "after the deploy links"})
class Pinned:
    """One instance was once restarted by hand with a variable of its own, which no deploy and no rollback changes.

    Source: https://12factor.net/build-release-run (a release is a build with its configuration, and is never changed)
    """

    def strike(self, destroy: Destroy) -> None:
        """Override the variable."""
        destroy.platform.restart("api-2", {"LINK_LIFETIME_S": "300"})

    def in_effect(self, observe: Observe) -> bool:
        """Ask the platform for the overrides of that instance: the one thing that has changed, until somebody deploys."""
        return "LINK_LIFETIME_S" in observe.platform.status().part("api-2").settings


@fault("schema-ahead-of-the-code", kind="data", caught_by={"DEP-ROLL-03": "its file is missing"})
class SchemaAhead:
    """The database was migrated further than the release knows to which one rolls back.

    Source: https://martinfowler.com/bliki/ParallelChange.html (until it contracts, a change can be taken back)
    """

    def strike(self, destroy: Destroy) -> None:
        """Note a migration that no file stands for."""
        destroy.pg.insert_row("schema_migrations", {"version": UNKNOWN, "sha256": "0" * 64})

    def in_effect(self, observe: Observe) -> bool:
        """Look for the row."""
        return bool(observe.pg.rows("select 1 from schema_migrations where version = %s", (UNKNOWN,)))


@fault("scale-ignored", kind="configuration", caught_by={"DEP-ROLL-04": "an answer of api-3 through api"})
class ScaleIgnored(PatchedIngress):
    """The balancer knows the first two places of each service alone: instances elsewhere run for nobody.

    Source: https://docs.aws.amazon.com/autoscaling/ec2/userguide/attach-load-balancer-asg.html (instances of a group get
    requests once the group is attached to the load balancer)
    """

    def edits(self, loaded: str) -> list[tuple[str, str]]:
        """Cut each site's list of upstreams short."""
        return [(found[0], found[0].replace(found[2], "", 1)) for found in SITES.finditer(loaded)]


@fault("dies-after-a-while", kind="code", caught_by={"DEP-ROLL-06": "no instance restarted"}, takes_s=40.0)
class DiesAfterAWhile(PatchedRelease):
    """The edge leaks until it is killed, a few seconds after each start; the balancer hides most of it.

    Source: https://kubernetes.io/docs/tasks/configure-pod-container/assign-memory-resource/ (what exceeds its memory limit
    is killed and started again)
    """

    patch: ClassVar = [
        Patch(
            file=SERVE,
            find="    Server(config).run()\n",
            replace=(
                '    if settings.service == "edge":\n'
                "        dying = __import__('threading').Timer(6.0, __import__('os')._exit, (137,))\n"
                "        dying.daemon = True\n"
                "        dying.start()\n"
                "    Server(config).run()\n"
            ),
        )
    ]


@fault("balancer-gives-up-too-early", kind="configuration", caught_by={"DEP-ROLL-06": "errors in"})
class GivesUpTooEarly(PatchedIngress):
    """The balancer waits a millisecond for an answer: most come, and every health check is green.

    Source: https://aws.amazon.com/builders-library/timeouts-retries-and-backoff-with-jitter/ (a timeout that is too low
    makes an outage of its own)
    """

    def edits(self, _loaded: str) -> list[tuple[str, str]]:
        """Bound the wait for the headers of an answer."""
        return [("response_header_timeout {args[0]}", "response_header_timeout 1ms")]


@fault(
    "ready-and-its-page-broken",
    kind="code",
    caught_by={"DEP-ROLL-06": "app:/sign-in: 500"},
    takes_s=30.0,
)
class PageBroken(PatchedRelease):
    """The page to sign in fails for everybody; no health check asks for it.

    Source: https://aws.amazon.com/builders-library/implementing-health-checks/ (what a shallow health check cannot see)
    """

    services = ("frontend",)
    patch: ClassVar = [
        Patch(
            file=PAGES,
            find='        goal = safe_path(request.query_params.get("next", "/"))\n        if session.exists:\n',
            replace=(
                '        goal = safe_path(request.query_params["next of the page"])\n        if session.exists:\n'
            ),
        )
    ]


@fault("ready-and-its-plays-slow", kind="code", caught_by={"DEP-ROLL-06": "99 % of the requests within"}, takes_s=30.0)
class PlaysSlow(PatchedRelease):
    """Every play waits three seconds before its link is even read; the edge is ready at once.

    Source: P. Huang et al., "Gray Failure: The Achilles' Heel of Cloud-Scale Systems", HotOS 2017 (the health check sees
    another system than its users do)
    """

    services = ("edge",)
    patch: ClassVar = [
        Patch(
            file=PLAY,
            find="        found = self.verified(scope, headers, time.time())\n        if found is None:\n",
            replace=(
                "        await asyncio.sleep(3)\n"
                "        found = self.verified(scope, headers, time.time())\n        if found is None:\n"
            ),
        ),
        Patch(file=PLAY, find="import os\nimport re\n", replace="import asyncio\nimport os\nimport re\n"),
    ]
