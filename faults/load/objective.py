"""Releases that serve too late or not always once many ask, and generators of load that could not tell."""

from typing import ClassVar

from faults._code import PatchedRelease
from faults._tree import PatchedTree
from seatrial import fault
from seatrial.platform import Patch

ASSETS, PLAYBACK, SESSIONS = "system/api/assets.py", "system/api/playback.py", "system/api/sessions.py"
DESK, PILOT = "load/desk.py", "load/pilot.py"
ASKED = "    address = client_address(request, services.settings.trusted_proxies)\n    await services.limits"


@fault("half-a-second-more", kind="code", caught_by={"LOAD-01": "browse: p50"}, takes_s=30.0)
class HalfASecondMore(PatchedRelease):
    """Each request to the API waits half a second, as for a service that was put in between.

    Source: https://research.google/blog/speed-matters/ (100 to 400 ms more, and people search less)
    """

    services = ("api",)
    patch: ClassVar = [
        Patch(file=SESSIONS, find=ASKED, replace=f"    await asyncio.sleep(0.5)\n{ASKED}"),
        Patch(file=SESSIONS, find="from datetime import", replace="import asyncio\nfrom datetime import"),
    ]


@fault("one-request-in-a-hundred-fails", kind="code", caught_by={"LOAD-01": "failed, objective"}, takes_s=30.0)
class OneInAHundred(PatchedRelease):
    """One request in a hundred to the API ends in an unhandled error.

    Source: https://sre.google/sre-book/service-level-objectives/
    """

    services = ("api",)
    patch: ClassVar = [
        Patch(
            file=SESSIONS,
            find=ASKED,
            replace=f'    if next(asked) % 100 == 0:\n        raise RuntimeError("one in a hundred")\n{ASKED}',
        ),
        Patch(
            file=SESSIONS,
            find='log = get_logger("api.sessions")\n',
            replace='log = get_logger("api.sessions")\nasked = itertools.count(1)\n',
        ),
        Patch(file=SESSIONS, find="from datetime import", replace="import itertools\nfrom datetime import"),
    ]


@fault("freezes-two-seconds-of-seven", kind="code", caught_by={"LOAD-01": "browse: p95"}, takes_s=30.0)
class Freezes(PatchedRelease):
    """The API answers nobody for two seconds of every seven, on all instances at once, as a lock or a collector would have it.

    Whoever waits for an answer before asking again meets that once in a while and calls it fast at the 99th percentile.

    Source: https://github.com/HdrHistogram/HdrHistogram (coordinated omission)
    """

    services = ("api",)
    patch: ClassVar = [
        Patch(
            file=SESSIONS,
            find=ASKED,
            replace=f"    await asyncio.sleep(max(0.0, 2.0 - time.monotonic() % 7.0))\n{ASKED}",
        ),
        Patch(file=SESSIONS, find="from datetime import", replace="import asyncio\nfrom datetime import"),
    ]


@fault("one-endpoint-is-slow", kind="code", caught_by={"LOAD-01": "play: p50"}, takes_s=30.0)
class OneEndpoint(PatchedRelease):
    """Playback links alone take more than half a second; everything else is as fast as before.

    Source: https://sre.google/sre-book/monitoring-distributed-systems/ (an average over all hides the one that hurts)
    """

    services = ("api",)
    patch: ClassVar = [
        Patch(
            file=PLAYBACK,
            find="    settings = services.settings\n    lifetime_s =",
            replace="    await asyncio.sleep(0.6)\n    settings = services.settings\n    lifetime_s =",
        ),
        Patch(file=PLAYBACK, find="import time\n", replace="import asyncio\nimport time\n"),
    ]


@fault(
    "a-starved-generator",
    kind="process",
    caught_by={"LOAD-01": ("INVALID", "the generator is saturated")},
    takes_s=30.0,
)
class StarvedGenerator(PatchedTree):
    """The generator of load is kept from its event loop for a quarter of a second again and again, and measures itself.

    Source: https://grafana.com/docs/k6/latest/testing-guides/running-large-tests/ (watch the generator's own CPU)
    """

    edits: ClassVar = [
        Patch(
            file=DESK,
            find="        gevent.spawn(self._pulse.beat)\n",
            replace="        gevent.spawn(self._pulse.beat)\n        gevent.spawn(_starve)\n",
        ),
        Patch(
            file=DESK,
            find="class OpenUser(FastHttpUser):\n",
            replace=(
                "def _starve() -> None:\n    import time\n\n    while True:\n        gevent.sleep(0.05)\n"
                "        until_s = time.perf_counter() + 0.25\n        while time.perf_counter() < until_s:\n"
                "            pass\n\n\nclass OpenUser(FastHttpUser):\n"
            ),
        ),
    ]


@fault(
    "a-load-of-nothing",
    kind="configuration",
    caught_by={"LOAD-01": ("INVALID", "zero arrivals have ended")},
    takes_s=30.0,
)
class NoLoad(PatchedTree):
    """The generator runs its time and makes no load at all; what only counts what went wrong calls that a success.

    Source: https://github.com/grafana/k6/issues/4283 (thresholds of metrics without a sample pass)
    """

    edits: ClassVar = [
        Patch(
            file=PILOT,
            find="rate_per_s = step.rate_per_s / self.plan.workers",
            replace="rate_per_s = 0.0 * step.rate_per_s",
        )
    ]
