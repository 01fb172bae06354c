"""The ruling: GO only when everything required was measured and right."""

from dataclasses import replace

import pytest

from seatrial.outcome import Outcome, Result
from seatrial.verdict import Ruling, rule
from tests.results import result

PASSED = result("A", Outcome.PASSED)


def test_all_required_passed_is_go() -> None:
    assert rule([PASSED], ["A"]) == (Ruling.GO, ())


@pytest.mark.parametrize(
    ("outcome", "ruling"),
    [
        (Outcome.FAILED, Ruling.NO_GO),
        (Outcome.INVALID, Ruling.INCONCLUSIVE),
        (Outcome.NOT_RUN, Ruling.INCONCLUSIVE),
    ],
)
def test_a_required_check_that_did_not_pass_is_never_go(outcome: Outcome, ruling: Ruling) -> None:
    assert rule([PASSED, result("B", outcome)], ["A", "B"])[0] is ruling


def test_a_failure_outweighs_what_was_not_measured() -> None:
    results = [result("A", Outcome.INVALID), result("B", Outcome.FAILED)]

    assert rule(results, ["A", "B", "C"], ["filtered"])[0] is Ruling.NO_GO


def test_a_missing_required_check_is_inconclusive_and_named() -> None:
    assert rule([PASSED], ["A", "B"]) == (Ruling.INCONCLUSIVE, ("B",))


def test_nothing_required_proves_nothing() -> None:
    assert rule([PASSED], [])[0] is Ruling.INCONCLUSIVE


def test_no_results_at_all_is_inconclusive() -> None:
    assert rule([], ["A"])[0] is Ruling.INCONCLUSIVE


def test_a_problem_of_the_run_is_inconclusive() -> None:
    assert rule([PASSED], ["A"], ["the run was filtered by -k"])[0] is Ruling.INCONCLUSIVE


def test_a_failure_that_is_not_required_does_not_block() -> None:
    assert rule([PASSED, result("B", Outcome.FAILED)], ["A"])[0] is Ruling.GO


def test_exit_codes_are_zero_only_for_go() -> None:
    assert {ruling: ruling.exit_code for ruling in Ruling} == {Ruling.GO: 0, Ruling.NO_GO: 1, Ruling.INCONCLUSIVE: 2}


def test_a_result_survives_json() -> None:
    full = replace(PASSED, evidence={"seen": [1]}, marks=("FLAKY",))

    assert Result.from_json(full.to_json()) == full


def test_a_corrupted_result_is_refused() -> None:
    with pytest.raises((KeyError, TypeError, ValueError)):
        Result.from_json({**PASSED.to_json(), "outcome": "GREEN"})
