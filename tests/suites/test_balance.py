import pytest

from seatrial import Failure
from seatrial.traffic import Shot
from suites.infra._balance import Absence, Hit, judge, require_none_failed, weigh


def shots(*moments: tuple[float, str]) -> list[Shot[Hit]]:
    """An answer of "a" or "b" at each moment, or what failed there in capitals."""
    return [Shot(at, at, at + 0.1, Hit(failure=who) if who.isupper() else Hit(instance=who)) for at, who in moments]


def frozen() -> Absence:
    return Absence("a", lossless=False, begun_s=10, gone_s=10, given_back_s=20, well_s=20, over_s=24)


def unready() -> Absence:
    return Absence("a", lossless=True, begun_s=10, gone_s=13, given_back_s=20, well_s=22, over_s=24)


def verdict(absence: Absence, *moments: tuple[float, str]) -> str:
    try:
        judge(weigh(shots(*moments), absence, 4), absence, most_out_s=4, most_back_s=2, where="ingress")
    except Failure as failure:
        return str(failure)
    return ""


def test_failures_until_the_balancer_has_noticed_are_excused_of_a_frozen_one() -> None:
    moments = [(9.0, "a"), (11.0, "TIMEOUT"), (13.0, "TIMEOUT"), (15.0, "b"), (20.5, "a")]
    assert verdict(frozen(), *moments) == ""
    balance = weigh(shots(*moments), frozen(), 4)
    assert (balance.requests, balance.failed, balance.reached, balance.out_s) == (4, 2, 2, 3.0)
    assert balance.back_s == pytest.approx(0.6)


@pytest.mark.parametrize(
    ("absence", "moments", "words"),
    [
        (frozen(), [(14.5, "TIMEOUT"), (20.5, "a")], "nothing sent to a later than 4 s"),
        (frozen(), [(19.5, "a"), (20.5, "a")], "nothing sent to a later than 4 s"),
        (frozen(), [(21.0, "RESET"), (21.5, "a")], "1 of 2: RESET at 11.0 s"),
        (frozen(), [(15.0, "b"), (21.0, "b")], "no request reached it any more"),
        (frozen(), [(15.0, "b"), (23.0, "a")], "taken back within 2 s; saw after 3.1 s"),
        (unready(), [(11.0, "REFUSED"), (22.5, "a")], "no request to fail while a was away"),
        (unready(), [(18.0, "a"), (22.5, "a")], "nothing sent to a later than 4 s"),
        (unready(), [(21.0, "RESET"), (22.5, "a")], "no request to fail while a was away"),
    ],
)
def test_what_a_balancer_does_wrong_is_said(absence: Absence, moments: list[tuple[float, str]], words: str) -> None:
    assert words in verdict(absence, *moments)


def test_an_orderly_restart_loses_nothing_and_drains_its_own_requests() -> None:
    assert verdict(unready(), (10.5, "a"), (12.0, "b"), (16.0, "b"), (21.5, "a"), (23.0, "a")) == ""


def test_a_promotion_that_fails_later_than_a_frozen_instance_excuses_is_found() -> None:
    fine, hangs = ((at, "b") for at in (9.0, 15.0, 21.0)), ((11.0, "TIMEOUT"), (15.0, "TIMEOUT"), (21.0, "b"))

    require_none_failed(weigh(shots(*fine), frozen(), 4), frozen(), most_out_s=4, where="ingress")
    with pytest.raises(
        Failure, match="no promotion to fail later than 4 s after while a was away; saw 1 of 3: TIMEOUT"
    ):
        require_none_failed(
            weigh(shots(*hangs), frozen(), 4), frozen(), most_out_s=4, where="ingress", what="promotion"
        )
