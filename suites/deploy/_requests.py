"""Requests of several kinds, evenly spaced and in shuffled rounds, each at its own moment whatever becomes of the others."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from seatrial import Exercise, Failure, Invalid, eventually
from seatrial.probes.http import HttpAnswer
from seatrial.traffic import Shot, Traffic, shuffled
from suites.client import Asset, Session, ready_asset, signed_in

TIMEOUT_S = 2.0

K = TypeVar("K")


@dataclass(frozen=True)
class Ask(Generic[K]):
    """What is asked again and again, and the status that was promised for it."""

    kind: K
    status: int
    send: Callable[[], HttpAnswer]


@dataclass(frozen=True)
class Met(Generic[K]):
    """What one request met; `failure` is empty when the answer was the promised one."""

    kind: K
    failure: str
    limited: bool


def watchable(exercise: Exercise) -> tuple[Session, Asset, str]:
    """Return a session, an asset of it that is ready, and a link to its preview; raises Invalid where an upload gives none."""
    try:
        session = signed_in(exercise)
        asset = ready_asset(exercise, session)
        return session, asset, session.playback(asset.id).url
    except Failure as failure:
        raise Invalid(f"there is nothing to ask for, since an upload does not come through: {failure}") from None


def shoot(asks: Sequence[Ask[K]], *, per_s: float, of_each: int) -> list[Shot[Met[K]]]:
    """Make `of_each` requests of each kind, `per_s` a second; raises Invalid when they do not end in time.

    Each round asks everything once, in an order of its own.
    So many may wait at once as fall due before they time out, so that a service which hangs delays no later request.
    """
    turn, lock = shuffled(asks), threading.Lock()

    def call() -> Met[K]:
        with lock:
            ask = next(turn)
        answer = ask.send()
        said = answer.error or f"{answer.status} {answer.text[:100]}"
        return Met(ask.kind, "" if answer.status == ask.status else said, answer.status == 429)

    wanted, together_per_s = of_each * len(asks), per_s * len(asks)
    with Traffic(call, per_s=together_per_s, at_once=round(together_per_s * TIMEOUT_S)) as traffic:
        try:
            eventually(
                lambda: len(traffic.shots) >= wanted, within_s=2 * of_each / per_s, what=f"{wanted} requests to end"
            )
        except Failure:
            ended = len(traffic.shots)
            raise Invalid(f"{ended} of {wanted} requests ended in twice their time: too busy a machine") from None
    return traffic.shots
