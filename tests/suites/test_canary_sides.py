"""Requests to two sides are sorted, judged, and not held against a release when the instance is to blame."""

import random

from seatrial.statistics import Judgement, Rules
from seatrial.traffic import Shot
from suites.deploy._canary import Kind, excused, judged, past, rows, upheld
from suites.deploy._requests import Met

RULES = Rules(fewest=150, ratio=1.1, failed_share=0.005, sees_ratio=1.5, sees_share=0.1)


def shots(factor: float, failed: int = 0, count: int = 216) -> list[Shot[Met[Kind]]]:
    source = random.Random(3)  # noqa: S311 - noise, and no secret
    found = []
    for number in range(count):
        for side in ("baseline", "canary"):
            canary = side == "canary"
            took_s = 0.01 * source.lognormvariate(0, 0.3) * (factor if canary else 1)
            failure = "500" if canary and number >= count - failed else ""
            due_s = number + 0.5 * canary
            found.append(Shot(due_s, due_s, due_s + took_s, Met(Kind("api", "list", side), failure, limited=False)))
    return found


def judgement(unknown: str = "", **slower: str) -> Judgement:
    return Judgement({}, 0.01, slower, "", unknown)


def test_the_first_of_each_side_are_left_out() -> None:
    kept = past(shots(1), 16)

    assert len(kept) == 400
    assert min(shot.due_s for shot in kept) == 16


def test_the_same_release_is_not_worse_and_a_slower_one_is() -> None:
    assert judged(shots(1), 16, RULES).worse == ()
    assert judged(shots(1.5), 16, RULES).slower.keys() == {"list"}


def test_failures_count_and_have_no_latency() -> None:
    found = judged(shots(1, failed=20), 16, RULES)

    assert found.failing.startswith("20 of 200 requests failed")
    assert [row["failed"] for row in rows(shots(1, failed=20))] == [0, 20]


def test_a_side_that_served_nothing_has_no_figures() -> None:
    assert rows(shots(1, failed=216))[1]["p50 ms"] == "none"


def test_what_is_slower_in_the_second_sample_is_upheld_whichever_kind_it_was_in_the_first() -> None:
    slower, unclear = upheld(judgement(list="slow", link="slow"), judgement(list="slow again", range="slow"))

    assert slower == {"list": "slow again", "range": "slow"}
    assert unclear == {}


def test_what_a_second_sample_could_not_tell_is_unclear() -> None:
    slower, unclear = upheld(judgement(list="slow"), judgement(unknown="only 3"))

    assert slower == {}
    assert "only 3" in unclear["list"]


def test_what_is_slow_with_the_old_release_too_is_excused_and_nothing_else() -> None:
    found = excused({"list": "slow", "link": "slow"}, judgement(link="slow too"))

    assert found.keys() == {"link"}
    assert found["link"].endswith("slow too")


def test_a_control_that_could_tell_nothing_excuses_all() -> None:
    assert excused({"list": "slow", "link": "slow"}, judgement(unknown="too few")).keys() == {"list", "link"}
