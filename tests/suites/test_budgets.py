"""What a sample says about a budget: within it, over it for sure, or over it by chance."""

import pytest

from seatrial import Invalid
from suites.deploy._budgets import Budget, Sample, weigh

BUDGET = Budget("list", (100, 250, 1000), 0.001)


def quick(count: int = 120, *slow: float) -> Sample:
    return Sample("list", [*([20.0] * (count - len(slow))), *slow], 0)


def test_a_line_of_the_profile_is_read() -> None:
    assert Budget.parse("list of assets: 100 / 250 / 1000 ms, 0.1 % failed") == Budget(
        "list of assets", (100, 250, 1000), 0.001
    )


@pytest.mark.parametrize("line", ["", "list: 100 / 250 ms, 0.1 % failed", "list: 100 / 250 / 1000 ms", "list: fast"])
def test_a_line_that_is_no_budget_is_invalid(line: str) -> None:
    with pytest.raises(Invalid, match=r"targets\.budgets"):
        Budget.parse(line)


def test_a_quick_sample_is_within() -> None:
    found = weigh(quick(), BUDGET)

    assert (found.beyond, found.unclear) == ((), ())
    assert found.row["p95 ms (budget)"] == "20.0 (250)"


def test_a_slow_half_is_over_for_sure() -> None:
    assert weigh(quick(120, *[220.0] * 80), BUDGET).beyond[0].startswith("p50 220 ms")


def test_a_slow_tenth_is_over_by_its_95th_percentile_alone() -> None:
    found = weigh(quick(400, *[300.0] * 50), BUDGET)

    assert len(found.beyond) == 1
    assert found.beyond[0].startswith("p95 300 ms")


def test_two_slow_answers_may_be_chance() -> None:
    found = weigh(quick(120, 1500, 1500), BUDGET)

    assert found.beyond == ()
    assert found.unclear == ("p99 of list 1500 ms, budget 1000 ms",)


def test_one_slow_answer_is_nothing() -> None:
    assert weigh(quick(120, 1500), BUDGET).unclear == ()


@pytest.mark.parametrize(("failed", "beyond", "unclear"), [(0, 0, 0), (1, 0, 1), (5, 1, 0), (700, 1, 0)])
def test_failures_are_over_for_sure_when_chance_cannot_explain_them(failed: int, beyond: int, unclear: int) -> None:
    found = weigh(Sample("list", [20.0] * (700 - failed), failed), BUDGET)

    assert (len(found.beyond), len(found.unclear)) == (beyond, unclear)


def test_nothing_served_leaves_the_figures_out_and_fails() -> None:
    found = weigh(Sample("list", [], 120), BUDGET)

    assert found.row["p50 ms (budget)"] == "none (100)"
    assert found.beyond[0].startswith("120 of 120 failed")
