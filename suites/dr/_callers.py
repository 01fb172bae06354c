"""People who have nothing to do with what is struck, and should not notice it."""

import threading
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from seatrial import Disrupt, Invalid, require
from seatrial.drills import Drill
from seatrial.traffic import Traffic, shuffled
from suites.client import Session

PER_S = 6.0
AT_LEAST = 10
WITHIN_S = 5.0
LAST, HARMED = 20, 10
# Answers are judged and no times: a second in which this machine stood still hides an outage of a second, and no longer one. Of the
# eighty calls of a short drill a single such second makes several late.
LATE_S, LATE_SHARE = 1.0, 0.05


class Callers:
    """List assets and open pages on schedule, from `with` until its end; the drill's timeline shows each call.

    Args:
        disrupt: makes the requests.
        session: whose assets are listed.
        drill: shows them.
    """

    def __init__(self, disrupt: Disrupt, session: Session, drill: Drill) -> None:
        self._disrupt, self._session, self._lock = disrupt, session, threading.Lock()
        self._turns = shuffled((self._list, self._page))
        self.traffic = Traffic(self._call, per_s=PER_S)
        drill.watch("callers", self.traffic, lambda failure: not failure)

    def __enter__(self) -> Self:
        self.traffic.__enter__()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.traffic.__exit__(kind, error, at)

    def judge(self) -> None:
        """Demand that no call failed; too few of them, or late ones, are Invalid."""
        self.traffic.require_punctual(LATE_S, LATE_SHARE)
        calls = [shot.answer for shot in self.traffic.shots]
        if len(calls) < AT_LEAST:
            raise Invalid(f"{len(calls)} calls of others, at least {AT_LEAST} were expected")
        failed = [each for each in calls if each]
        require(not failed, f"{len(calls)} calls of others answered", f"{len(failed)} failed: {failed[:3]}", "services")

    def harm(self) -> str:
        """Say why the drill must not go on: others notice more than they may; nothing while they do not."""
        return harm([shot.answer for shot in self.traffic.shots])

    def _call(self) -> str:
        with self._lock:
            ask = next(self._turns)
        return ask()

    def _list(self) -> str:
        answer = self._session.call("GET", "/v1/assets?limit=1", timeout_s=WITHIN_S)
        return "" if answer.status == 200 else f"list: {answer.error or answer.status}"

    def _page(self) -> str:
        answer = self._disrupt.http.get("app:/sign-in", timeout_s=WITHIN_S)
        return "" if answer.status == 200 else f"page: {answer.error or answer.status}"


def harm(answers: Sequence[str]) -> str:
    """Say that half of the last calls failed, if so; each answer is the reason why a call failed, or nothing."""
    failed = [each for each in answers[-LAST:] if each]
    return f"{len(failed)} of the last {LAST} calls of others failed: {failed[-1]}" if len(failed) >= HARMED else ""
