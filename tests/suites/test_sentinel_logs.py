"""The stages of a failover, out of the logs of real Sentinels."""

from datetime import UTC, datetime

from suites.dr._sentinels import split

STRUCK = datetime(2026, 11, 27, 22, 46, 38, 500_000, tzinfo=UTC)
FIRST = """\
1:X 27 Nov 2026 22:46:36.600 # +switch-master seatrial 10.0.0.1 6379 10.0.0.2 6379
1:X 27 Nov 2026 22:46:38.600 # +sdown sentinel c2b5 10.0.0.5 26379 @ seatrial 10.0.0.1 6379
1:X 27 Nov 2026 22:46:39.950 # +sdown master seatrial 10.0.0.1 6379
1:X 27 Nov 2026 22:46:41.144 # +switch-master seatrial 10.0.0.1 6379 10.0.0.2 6379
1:X 27 Nov 2026 22:46:41.145 * +slave slave 10.0.0.1:6379 10.0.0.1 6379 @ seatrial 10.0.0.2 6379
""".splitlines()
LEADER = """\
2:X 27 Nov 2026 22:46:39.960 # +sdown master seatrial 10.0.0.1 6379
2:X 27 Nov 2026 22:46:40.030 # +odown master seatrial 10.0.0.1 6379 #quorum 2/2
2:X 27 Nov 2026 22:46:40.094 # +elected-leader master seatrial 10.0.0.1 6379
2:X 27 Nov 2026 22:46:41.077 # +promoted-slave slave 10.0.0.2:6379 10.0.0.2 6379 @ seatrial 10.0.0.1 6379
2:X 27 Nov 2026 22:46:41.140 # +switch-master seatrial 10.0.0.1 6379 10.0.0.2 6379
""".splitlines()


def test_a_stage_is_reached_when_the_first_sentinel_says_so_and_the_last_one_when_all_must_know() -> None:
    assert split({"s1": FIRST, "s2": LEADER}, STRUCK) == {
        "detected": 1.45,
        "agreed": 1.53,
        "decided": 1.59,
        "promoted": 2.58,
        "known to all": 2.64,
    }


def test_what_was_before_the_strike_or_about_another_kind_is_no_stage_of_it() -> None:
    assert split({"s1": FIRST[:2]}, STRUCK) == {}


def test_nothing_is_made_up_for_a_stage_that_no_log_tells_of() -> None:
    assert split({"s1": FIRST[:3], "s2": []}, STRUCK) == {"detected": 1.45}
