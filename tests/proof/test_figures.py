"""Figures count what was measured and nothing else."""

import pytest

from seatrial.proof import Proof, Record, Share, figures
from tests.proof.conftest import CHECKS, trial

NAMES = [check.id for check in CHECKS]


def test_a_rate_leaves_out_what_proved_nothing_either_way(record: Record) -> None:
    found = figures(record.trials, NAMES)

    assert (found.detected.found, found.detected.of) == (1, 2)
    assert [trial.fault for trial in found.missed] == ["silent"]
    assert [trial.fault for trial in found.invalid] == ["slow"]


def test_a_share_has_wilsons_interval_and_none_of_nothing() -> None:
    # R. G. Newcombe, Statistics in Medicine 17 (1998), table I: 81 of 263, method 3.
    bounds = Share(81, 263).bounds

    assert (round(bounds.low, 4), round(bounds.high, 4)) == (0.2553, 0.3662)
    assert str(Share(0, 0)) == "0 of 0: nothing was measured"
    assert (Share(0, 0).bounds.low, Share(0, 0).bounds.high) == (0.0, 1.0)


def test_checks_that_stayed_green_and_those_never_asked_are_apart(record: Record) -> None:
    found = figures(record.trials, NAMES)

    assert found.stayed_green == ("INF-TC-02", "INF-TC-03")
    assert found.never_asked == ("INF-TC-04",)


def test_what_could_not_be_measured_was_not_asked() -> None:
    found = figures([trial("closed", beside={"INF-TC-02": "INVALID", "INF-TC-03": "NOT-RUN"})], NAMES)

    assert found.never_asked == ("INF-TC-02", "INF-TC-03", "INF-TC-04", "SEC-TC-01")
    assert (found.seen_by_one, found.alone) == ({"closed": "INF-TC-01"}, ())


def test_a_check_that_was_to_end_invalid_has_noticed() -> None:
    found = figures([trial("starved", seen={"INF-TC-02": "INVALID"})], NAMES)

    assert "INF-TC-02" not in (*found.stayed_green, *found.never_asked)


def test_who_sees_a_fault_alone_counts_what_turned_red_beside() -> None:
    shared = trial("shared", beside={"INF-TC-02": "FAILED"})
    alone = trial("alone", beside={"INF-TC-02": "PASSED"})
    missed = trial("missed", Proof.MISSED)

    found = figures([shared, alone, missed], NAMES)

    assert found.seen_by_one == {"alone": "INF-TC-01"}
    assert found.alone == ("alone",)
    assert found.collateral == {"INF-TC-02": ("shared",)}


def test_times_are_of_every_trial_and_nought_of_none(record: Record) -> None:
    found = figures(record.trials, NAMES)

    assert (found.median_s, found.longest_s, found.total_s) == (6, 20, 30)
    assert figures([], NAMES).median_s == pytest.approx(0)
