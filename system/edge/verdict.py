"""Tell a proxy in front whether a link is valid, and for how long it may remember that.

The proxy asks for `/verdict` and the path and query of the link, with the Host that it was sent: 204 or 403.
"""

import time

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from system.edge.play import Play, first_of_each

__all__ = ["REMEMBERED_S", "Verdict"]

PREFIX = b"/verdict"
REMEMBERED_S = 5  # for as long does a proxy still obey a key that was retired


class Verdict:
    """Verify a link as `Play` does; the object itself is not looked for."""

    def __init__(self, play: Play) -> None:
        self._play = play

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one question."""
        now_s = time.time()
        asked = {**scope, "method": "GET", "raw_path": (scope.get("raw_path") or b"").removeprefix(PREFIX)}
        found = self._play.verified(asked, first_of_each(scope["headers"]), now_s)
        if found is None:
            await Response(status_code=403, headers={"Cache-Control": "no-store"})(scope, receive, send)
            return
        *_, left_s = found
        # Both are given out again until the verdict is forgotten: the one is a moment, the other is short by as much.
        until = int(now_s) + min(REMEMBERED_S, left_s - 1)
        headers = {
            "X-Accel-Expires": f"@{until}",
            "Cache-Control": f"private, max-age={max(0, left_s - REMEMBERED_S)}",
        }
        await Response(status_code=204, headers=headers)(scope, receive, send)
