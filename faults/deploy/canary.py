"""Releases that look healthy, and are worse than the one before in what users notice."""

from typing import ClassVar

from faults._code import NextRelease
from seatrial import fault
from seatrial.platform import Patch

MIDDLEWARE, LIST = "system/common/middleware.py", "system/api/assets.py"
BEGINNING = '            if message["type"] == "http.response.start":\n'


@fault("canary-twice-as-slow", kind="code", caught_by={"DEP-CAN-01": "times as long (p"}, takes_s=30.0)
class TwiceAsSlow(NextRelease):
    """The new release takes twice as long to begin each answer; a caller, who waits for the network too, sees somewhat less.

    Source: https://www.gigaspaces.com/blog/amazon-found-every-100ms-of-latency-cost-them-1-in-sales
    """

    patch: ClassVar = [
        Patch(
            file=MIDDLEWARE,
            find=BEGINNING,
            replace=f"{BEGINNING}                await asyncio.sleep(time.perf_counter() - started_s)\n",
        ),
        Patch(file=MIDDLEWARE, find="import re\n", replace="import asyncio\nimport re\n"),
    ]


@fault("canary-slow-for-one-in-ten", kind="code", caught_by={"DEP-CAN-01": "slowest (p"}, takes_s=30.0)
class SlowForOneInTen(NextRelease):
    """One list in ten waits for something that the others do not need; the median does not move.

    Source: J. Dean, L. A. Barroso, "The Tail at Scale", Communications of the ACM 56 (2013)
    """

    patch: ClassVar = [
        Patch(
            file=LIST,
            find='    async with services.database() as connection:\n        found = await connection.execute(\n            """select *, (extract',
            replace=(
                "    if next(turn) % 10 == 0:\n        await asyncio.sleep(0.1)\n"
                '    async with services.database() as connection:\n        found = await connection.execute(\n            """select *, (extract'
            ),
        ),
        Patch(file=LIST, find='@router.get("", resp', replace='turn = itertools.count(1)\n\n\n@router.get("", resp'),
        Patch(file=LIST, find="\nfrom typing import", replace="\nimport asyncio\nimport itertools\nfrom typing import"),
    ]


@fault("canary-fails-two-percent", kind="code", caught_by={"DEP-CAN-01": "requests failed beside"}, takes_s=30.0)
class FailsTwoPercent(NextRelease):
    """One request in fifty to the new release ends in an unhandled error.

    Source: https://cloud.google.com/blog/products/devops-sre/canary-analysis-lessons-learned-and-best-practices-from-google-and-waze
    """

    patch: ClassVar = [
        Patch(
            file=MIDDLEWARE,
            find="            await app(scope, receive, send_with_context)\n",
            replace=(
                '            if scope["path"].startswith("/v") and next(turn) % 50 == 0:\n'
                '                raise RuntimeError("one in fifty")\n'
                "            await app(scope, receive, send_with_context)\n"
            ),
        ),
        Patch(
            file=MIDDLEWARE,
            find='log = get_logger("access")\n',
            replace='log = get_logger("access")\nturn = itertools.count(1)\n',
        ),
        Patch(file=MIDDLEWARE, find="import re\n", replace="import itertools\nimport re\n"),
    ]
