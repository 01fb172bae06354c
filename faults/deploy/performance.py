"""Releases that answer later than before, or not always."""

from typing import ClassVar

from faults._code import PatchedRelease
from seatrial import fault
from seatrial.platform import Patch

PLAYBACK, LIST, SESSIONS = "system/api/playback.py", "system/api/assets.py", "system/api/sessions.py"


@fault("links-200-ms-later", kind="code", caught_by={"DEP-PERF-01": "playback link within"}, takes_s=30.0)
class LinksLater(PatchedRelease):
    """Each playback link waits a fifth of a second, as for a service that was put in between.

    Source: https://research.google/blog/speed-matters/ (100 to 400 ms more, and people search less)
    """

    services = ("api",)
    patch: ClassVar = [
        Patch(
            file=PLAYBACK,
            find="    settings = services.settings\n    lifetime_s =",
            replace="    await asyncio.sleep(0.2)\n    settings = services.settings\n    lifetime_s =",
        ),
        Patch(file=PLAYBACK, find="import time\n", replace="import asyncio\nimport time\n"),
    ]


@fault("list-by-a-slow-query", kind="code", caught_by={"DEP-PERF-01": "list of assets within"}, takes_s=30.0)
class SlowQuery(PatchedRelease):
    """The list's query waits in the database, and holds a connection of the pool meanwhile.

    Source: https://docs.gitlab.com/development/database/query_performance/ (a query in a request is to end within 100 ms)
    """

    services = ("api",)
    patch: ClassVar = [
        Patch(
            file=LIST,
            find="as microseconds from assets\n",
            replace="as microseconds from assets, pg_sleep(0.2)\n",
        )
    ]


@fault("one-request-in-fifty-fails", kind="code", caught_by={"DEP-PERF-01": "all endpoints within"}, takes_s=30.0)
class OneInFifty(PatchedRelease):
    """One request in fifty to the API ends in an unhandled error.

    Source: https://sre.google/sre-book/service-level-objectives/
    """

    services = ("api",)
    patch: ClassVar = [
        Patch(
            file=SESSIONS,
            find="    address = client_address(request, services.settings.trusted_proxies)\n    await services.limits",
            replace=(
                '    if next(asked) % 50 == 0:\n        raise RuntimeError("one in fifty")\n'
                "    address = client_address(request, services.settings.trusted_proxies)\n    await services.limits"
            ),
        ),
        Patch(
            file=SESSIONS,
            find='log = get_logger("api.sessions")\n',
            replace='log = get_logger("api.sessions")\nasked = itertools.count(1)\n',
        ),
        Patch(file=SESSIONS, find="from datetime import", replace="import itertools\nfrom datetime import"),
    ]
