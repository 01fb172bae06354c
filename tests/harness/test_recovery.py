"""When a stage of a recovery counts as reached, and a state as there in time."""

import time

import pytest

from seatrial import Failure, eventually
from seatrial.drills._drill import _Recovery


def answering_after(seconds: float) -> bool:
    until_s = time.monotonic() + seconds
    while time.monotonic() < until_s:
        pass
    return True


def test_a_stage_whose_answer_takes_long_is_reached_when_it_is_here() -> None:
    asked_s: dict[str, float] = {}

    def slow() -> bool:
        asked_s["slow"] = time.monotonic()
        return answering_after(0.05)

    zero_s = time.monotonic()
    recovery = _Recovery({"slow": slow, "never": lambda: False})

    assert list(recovery.reach(zero_s)) == ["slow"]
    assert round(asked_s["slow"] - zero_s + 0.05, 2) <= recovery.reached["slow"] <= time.monotonic() - zero_s + 0.01
    assert not recovery.whole


def test_what_is_reached_after_the_deadline_is_late_by_so_much() -> None:
    recovery = _Recovery({"open": lambda: True, "never": lambda: False})
    list(recovery.reach(time.monotonic() - 90.0))

    assert "not reached: never (last: False); open 70.0" in recovery.told(20.0)
    assert " s late; reached after seconds: {'open': 90.0" in recovery.told(20.0)
    assert "late" not in recovery.told(100.0)


def test_an_answer_counts_that_is_here_before_the_deadline() -> None:
    assert eventually(lambda: answering_after(0.01), within_s=60, what="the answer")


@pytest.mark.parametrize("within_s", [0.0, 0.02])
def test_a_true_answer_that_comes_after_the_deadline_is_too_late(within_s: float) -> None:
    with pytest.raises(Failure, match=rf"expected the answer within {within_s:g} s; saw True, after 0\.\d\d s"):
        eventually(lambda: answering_after(0.05), within_s=within_s, what="the answer")
