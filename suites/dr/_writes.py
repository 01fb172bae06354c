"""Numbered writes of a client that wants each of them once: asked again under the same key when no answer came."""

import itertools
import uuid
from concurrent.futures import ThreadPoolExecutor

from seatrial import Disrupt, eventually
from seatrial.drills import Audit, Ledger
from seatrial.traffic import Traffic
from suites.client import announcement, remove, signed_in

PER_S = 4.0
ANSWERED_WITHIN_S = 6.0
MORE = 12
CONTENT = b"never uploaded"
_AT_ONCE = 8
_FLOWING_S = 20.0


class Writes:
    """Announces assets, which is a row each, and keeps account of those that were acknowledged.

    Args:
        handle: makes the requests; what was written is removed with its end.

    Attributes:
        session: the client's.
        ledger: what was asked for and acknowledged.
    """

    def __init__(self, handle: Disrupt) -> None:
        self._handle, self.session, self.ledger = handle, signed_in(handle), Ledger()
        self._numbers = itertools.count(1)
        self._prefix = f"{handle.marker} write "
        handle.cleanup(self._remove)

    def write(self) -> bool:
        """Make one write, and say whether it was acknowledged at the first or the second try."""
        name = self.ledger.ask(f"{self._prefix}{next(self._numbers)}")
        key, body = uuid.uuid4().hex, announcement(name, CONTENT)
        for _ in range(2):
            answer = self.session.call(
                "POST", "/v1/assets", json=body, headers={"Idempotency-Key": key}, timeout_s=ANSWERED_WITHIN_S
            )
            if answer.status == 201:
                self.ledger.acknowledge(name)
                return True
        return False

    def flow(self) -> None:
        """Wait until there are more writes whose fate can be told."""
        wanted = len(self.ledger.acknowledged) + MORE
        enough = lambda: len(self.ledger.acknowledged) >= wanted  # noqa: E731
        eventually(enough, within_s=_FLOWING_S, what=f"{MORE} more acknowledged writes")

    def audit(self, struck_s: float) -> Audit:
        """Compare what was acknowledged with what the product shows now."""
        return self.ledger.audit((title for _, title in self._mine()), struck_s)

    def _mine(self) -> list[tuple[str, str]]:
        return [(each.id, each.title) for each in self.session.assets() if each.title.startswith(self._prefix)]

    def _remove(self) -> None:
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            for gone in [pool.submit(remove, self.session, asset) for asset, _ in self._mine()]:
                gone.result()


def acknowledged_after(traffic: Traffic[bool], moment_s: float) -> bool:
    """Say whether a write that fell due after a moment was acknowledged."""
    return any(shot.answer and shot.due_s > moment_s for shot in traffic.shots)
