"""What requests through a balancer tell of one instance that was taken away and given back."""

from collections.abc import Sequence
from dataclasses import dataclass

from seatrial import require
from seatrial.traffic import Shot


@dataclass(frozen=True)
class Hit:
    """Which instance answered a request, or why it failed; one of the two is empty."""

    instance: str = ""
    failure: str = ""


@dataclass
class Absence:
    """One instance's time away; all in seconds on the monotonic clock, noted as it happens.

    Attributes:
        victim: its name.
        lossless: no request may fail, since it went in order; else some may until the balancer has noticed.
        begun_s: when it was struck.
        gone_s: since when nothing may be sent to it: at once where it was frozen, later where it drained first.
        given_back_s: when it was let go on.
        well_s: when it was well again, so that it may be sent something.
        over_s: when the watch ended.
    """

    victim: str
    lossless: bool
    begun_s: float = 0.0
    gone_s: float = 0.0
    given_back_s: float = 0.0
    well_s: float = 0.0
    over_s: float = 0.0


@dataclass(frozen=True)
class Balance:
    """What became of the requests of one absence.

    Attributes:
        requests: how many began between `begun_s` and `over_s`.
        failed: how many of them failed.
        reached: how many were sent to the victim while it was gone, answered or not.
        out_s: until the last of these had begun.
        back_s: from its being well to its first answer; None when there was none.
        unexcused: failures that no absence excuses: of a lossless one, beyond `out_s` or after it was given back.
    """

    requests: int
    failed: int
    reached: int
    out_s: float
    back_s: float | None
    unexcused: tuple[str, ...]


def weigh(shots: Sequence[Shot[Hit]], absence: Absence, most_out_s: float) -> Balance:
    """Sort the requests of one absence; a failure that began while the victim was gone counts as sent to it."""
    mine = [shot for shot in shots if absence.begun_s <= shot.began_s < absence.over_s]
    failed = [shot for shot in mine if shot.answer.failure]
    gone = [shot for shot in mine if absence.gone_s <= shot.began_s < absence.given_back_s]
    reached = [shot for shot in gone if shot.answer.failure or shot.answer.instance == absence.victim]
    later = [shot for shot in mine if shot.began_s >= absence.given_back_s]
    back = [shot.ended_s for shot in later if shot.answer.instance == absence.victim]
    excused_until_s = absence.begun_s if absence.lossless else absence.gone_s + most_out_s
    unexcused = [shot for shot in failed if not absence.begun_s <= shot.began_s < excused_until_s]
    return Balance(
        requests=len(mine),
        failed=len(failed),
        reached=len(reached),
        out_s=round(max((shot.began_s for shot in reached), default=absence.gone_s) - absence.gone_s, 2),
        back_s=round(max(0.0, min(back) - absence.well_s), 2) if back else None,
        unexcused=tuple(f"{shot.answer.failure} at {shot.began_s - absence.begun_s:.1f} s" for shot in unexcused),
    )


def judge(balance: Balance, absence: Absence, *, most_out_s: float, most_back_s: float, where: str) -> None:
    """Raise Failure unless the victim was left out in time, taken back in time, and no request failed without excuse."""
    victim = absence.victim
    left_out = f"nothing sent to {victim} later than {most_out_s:g} s after it was gone"
    seen = f"{balance.reached} requests, the last {balance.out_s:g} s after"
    require(balance.out_s <= most_out_s, left_out, seen, where)
    require_none_failed(balance, absence, most_out_s=most_out_s, where=where)
    taken_back = f"{victim} taken back within {most_back_s:g} s"
    require(balance.back_s is not None, taken_back, "no request reached it any more", where)
    require((balance.back_s or 0) <= most_back_s, taken_back, f"after {balance.back_s} s", where)


def require_none_failed(
    balance: Balance, absence: Absence, *, most_out_s: float, where: str, what: str = "request"
) -> None:
    """Raise Failure for a request that failed without excuse."""
    none = f"no {what} to fail" + ("" if absence.lossless else f" later than {most_out_s:g} s after")
    some = f"{len(balance.unexcused)} of {balance.requests}: {'; '.join(balance.unexcused[:3])}"
    require(not balance.unexcused, f"{none} while {absence.victim} was away", some, where)
