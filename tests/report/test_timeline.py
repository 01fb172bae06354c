"""A drill's course is drawn where evidence has its shape, and nowhere else."""

from typing import Any

import pytest

from seatrial.report._timeline import timeline


def course(**calls: list[list[Any]]) -> dict[str, Any]:
    return {"events": [[8.0, "whole"], [0.0, "struck"]], "calls": calls}


def test_events_are_numbered_by_time_and_calls_stand_where_they_fell_due() -> None:
    drawn = timeline(course(writes=[[-2.0, 0.1, True], [0.5, 3.0, False]]))

    assert drawn is not None
    assert drawn.marks == [(198.0, 1, 0.0, "struck"), (630.0, 2, 8.0, "whole")]
    assert [label for _, label in drawn.ticks] == ["-2", "-1", "0", "1", "2", "3", "4", "5", "6", "7", "8"]
    (row,) = drawn.rows
    assert (row.good, row.bad) == ("M90.0,52v-10", "M225.0,52v-22")
    assert row.told == "2 calls, 1 failed or without an answer"


def test_what_happened_in_the_same_moment_stays_in_its_order() -> None:
    drawn = timeline({"events": [[0.0, "struck"], [2.0, "whole"], [2.0, "audited"]], "calls": {}})

    assert drawn is not None
    assert [what for _, _, _, what in drawn.marks] == ["struck", "whole", "audited"]


def test_a_single_moment_has_a_place_too() -> None:
    drawn = timeline({"events": [[0.0, "struck"]], "calls": {}})

    assert drawn is not None
    assert drawn.marks == [(90.0, 1, 0.0, "struck")]


@pytest.mark.parametrize("value", [None, 1, "text", [], {}, {"events": []}, {"events": [], "calls": {}}])
def test_other_evidence_is_no_timeline(value: Any) -> None:
    assert timeline(value) is None
