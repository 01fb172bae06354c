"""A canary is called worse for what it does, and only when that could not be chance."""

import random
from collections.abc import Callable
from dataclasses import replace

import pytest

from seatrial.statistics import Arm, Rules, judge

RULES = Rules(fewest=150, ratio=1.1, failed_share=0.005, sees_ratio=1.5, sees_share=0.1)


def arm(latencies_s: list[float], failed: int = 0) -> Arm:
    return Arm({"list": latencies_s}, failed)


def latencies(seed: int, count: int = 300, spread: float = 0.3) -> list[float]:
    source = random.Random(seed)  # noqa: S311 - noise, and no secret
    return [0.01 * source.lognormvariate(0, spread) for _ in range(count)]


def bimodal(seed: int) -> list[float]:
    source = random.Random(seed)  # noqa: S311 - noise, and no secret
    return [source.choice([0.002, 0.05]) * source.lognormvariate(0, 0.1) for _ in range(300)]


@pytest.mark.parametrize("sample", [latencies, bimodal])
def test_the_same_release_is_not_worse(sample: Callable[[int], list[float]]) -> None:
    judgements = [
        judge(arm(sample(seed)), arm(sample(seed + 500)), replace(RULES, sees_ratio=100)) for seed in range(20)
    ]

    assert [each.worse for each in judgements] == [()] * 20
    assert [each.unknown for each in judgements] == [""] * 20


def test_a_faster_release_is_not_worse() -> None:
    assert judge(arm(latencies(1)), arm([each / 2 for each in latencies(2)]), RULES).worse == ()


@pytest.mark.parametrize("seed", range(5))
def test_a_release_slower_as_a_whole_is_worse(seed: int) -> None:
    judgement = judge(arm(latencies(seed)), arm([1.5 * each for each in latencies(seed + 100)]), RULES)

    assert "of pairs more than 1.1 times as long" in judgement.slower["list"]
    assert judgement.smallest_ratio["list"] < 1.5


def test_a_release_slow_for_one_request_in_ten_is_worse_by_its_tail_alone() -> None:
    slow = [10 * each if number % 10 == 0 else each for number, each in enumerate(latencies(2))]
    judgement = judge(arm(latencies(1)), arm(slow), RULES)

    assert len(judgement.worse) == 1
    assert judgement.worse[0].startswith("list: 95th percentile")


def test_a_release_that_fails_more_often_is_worse() -> None:
    judgement = judge(arm(latencies(1)), arm(latencies(2, 285), failed=15), RULES)

    assert judgement.worse == (judgement.failing,)
    assert judgement.failing.startswith("15 of 300 requests failed beside 0 of 300")


def test_failures_of_both_are_nobodys_fault() -> None:
    assert judge(arm(latencies(1, 285), failed=15), arm(latencies(2, 285), failed=15), RULES).failing == ""


def test_a_release_that_fails_always_is_worse_and_not_unknown() -> None:
    judgement = judge(arm(latencies(1)), arm([], failed=300), RULES)

    assert judgement.failing
    assert judgement.unknown == ""


@pytest.mark.parametrize(
    "arms", [(arm(latencies(1, 100)), arm(latencies(2))), (arm(latencies(1)), arm([])), (arm([]), arm([]))]
)
def test_below_the_floor_nothing_is_said(arms: tuple[Arm, Arm]) -> None:
    judgement = judge(*arms, RULES)

    assert judgement.worse == ()
    assert "at least 150 are needed" in judgement.unknown


def test_a_comparison_too_blind_for_the_rules_is_none() -> None:
    judgement = judge(arm(latencies(1, spread=2)), arm(latencies(2, spread=2)), RULES)

    assert judgement.worse == ()
    assert "1.5 times as long and 10.0% failed must be" in judgement.unknown


def test_a_regression_that_blindness_cannot_hide_is_worse_all_the_same() -> None:
    judgement = judge(arm(latencies(1, spread=2)), arm([9 * each for each in latencies(2, spread=2)]), RULES)

    assert judgement.smallest_ratio["list"] > 1.5
    assert judgement.worse
    assert judgement.unknown == ""


def test_what_could_be_seen_is_said_in_words() -> None:
    sight = judge(arm(latencies(1)), arm(latencies(2)), RULES).sight

    assert sight == "smallest regression to be seen: list 1.23 times as long, 4.3% failed"


def test_kinds_of_requests_are_compared_each_with_itself() -> None:
    """One kind is slower and the other as much faster: together they would look the same."""
    baseline = Arm({"list": latencies(1), "link": latencies(2)})
    canary = Arm({"list": [1.5 * each for each in latencies(3)], "link": [each / 1.5 for each in latencies(4)]})

    assert judge(baseline, canary, RULES).slower.keys() == {"list"}


def test_a_kind_that_one_side_never_served_is_too_few() -> None:
    assert "0 of link" in judge(Arm({"list": latencies(1), "link": latencies(2)}), arm(latencies(3)), RULES).unknown
