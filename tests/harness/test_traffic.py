import itertools
import threading

import pytest

from seatrial import Invalid, eventually
from seatrial.traffic import Traffic


def test_calls_fall_due_at_the_rate_though_none_is_answered() -> None:
    answered = threading.Event()
    with Traffic(answered.wait, per_s=100, at_once=8) as traffic:
        eventually(lambda: len(traffic._futures) >= 12, within_s=10, what="calls beyond those that may wait")
        assert traffic.shots == []
        answered.set()
    due = [shot.due_s for shot in traffic.shots]
    assert len(due) >= 12
    assert [round(later - earlier, 6) for earlier, later in itertools.pairwise(due)] == [0.01] * (len(due) - 1)
    assert all(shot.due_s <= shot.began_s <= shot.ended_s for shot in traffic.shots)


def test_calls_that_began_late_are_no_measurement() -> None:
    answered = threading.Event()
    with Traffic(answered.wait, per_s=100, at_once=1) as traffic:
        eventually(lambda: len(traffic._futures) >= 3, within_s=10, what="calls behind the first")
        answered.set()
    with pytest.raises(Invalid, match="began more than 0 s late"):
        traffic.require_punctual(late_s=0.0)
    assert traffic.require_punctual(late_s=1000.0) == 0.0


def test_no_call_at_all_is_no_measurement() -> None:
    traffic = Traffic(lambda: None, per_s=1)
    with pytest.raises(Invalid, match="of 0 calls"):
        traffic.require_punctual()


def test_what_a_call_raises_is_raised_at_the_end() -> None:
    def broken() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), Traffic(broken, per_s=100) as traffic:
        eventually(lambda: len(traffic._futures), within_s=10, what="a call")
