"""Curves are drawn where evidence has the shape of curves, and nowhere else."""

from typing import Any

import pytest

from seatrial.report._chart import chart


def curves(**named: list[Any]) -> dict[str, Any]:
    return {"unit": "ms", "at": ["p50", "p99"], "curves": named}


def test_a_curve_runs_from_left_to_right_and_up() -> None:
    drawn = chart(curves(quick=[1, 10], slow=[10, 100]))

    assert drawn is not None
    assert drawn.columns == [(50, "p50"), (630, "p99")]
    assert drawn.levels == [(216, "1"), (113, "10"), (10, "100")]
    assert drawn.curves == [("quick", "50.0,216.0 630.0,113.0"), ("slow", "50.0,113.0 630.0,10.0")]


def test_values_all_alike_still_have_a_height() -> None:
    drawn = chart(curves(flat=[1, 1]))

    assert drawn is not None
    assert [label for _, label in drawn.levels] == ["1", "10"]


@pytest.mark.parametrize("numbers", [[0, 1], [1], ["a", "b"], []])
def test_what_cannot_be_drawn_is_left_out(numbers: list[Any]) -> None:
    drawn = chart(curves(good=[1, 2], bad=numbers))

    assert drawn is not None
    assert [name for name, _ in drawn.curves] == ["good"]


@pytest.mark.parametrize("value", [None, 1, "text", [], {}, {"unit": "ms"}, curves(), curves(bad=[0, 0])])
def test_other_evidence_is_no_chart(value: Any) -> None:
    assert chart(value) is None
