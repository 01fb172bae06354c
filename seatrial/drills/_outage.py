"""How long clients could not do what they came for, from calls that fell due on schedule."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from seatrial.traffic import Shot

T = TypeVar("T")


@dataclass(frozen=True)
class Outage:
    """What clients saw of a strike; times are in seconds after it.

    Attributes:
        calls: how many ended.
        failed: how many of them went wrong.
        first_s: when the first one that went wrong was due; None when none did.
        over_s: when the first answer was there that came after the last one that went wrong; None when none came.
    """

    calls: int
    failed: int
    first_s: float | None
    over_s: float | None


def outage(shots: Sequence[Shot[T]], good: Callable[[T], bool], struck_s: float) -> Outage:
    """Sum up calls; those that were due before the strike and were answered are no part of it.

    Args:
        shots: calls that have ended.
        good: whether an answer is what the caller came for.
        struck_s: when the strike was, on the monotonic clock.
    """
    failed = [shot for shot in shots if not good(shot.answer)]
    if not failed:
        return Outage(len(shots), 0, None, None)
    last_s = max(shot.due_s for shot in failed)
    after = [shot.ended_s for shot in shots if shot.due_s > last_s and good(shot.answer)]
    over_s = round(min(after) - struck_s, 2) if after else None
    return Outage(len(shots), len(failed), round(min(shot.due_s for shot in failed) - struck_s, 2), over_s)
