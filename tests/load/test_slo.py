from pathlib import Path

import pytest

from load.recorder import Tally, record_ms
from load.slo import Generator, Ruling, Slo, judge, read_slo, too_few
from seatrial.errors import UsageError
from seatrial.outcome import Outcome

LIMITS = {"p50_ms": 100, "p95_ms": 200, "p99_ms": 500, "failed_share": 0.01, "least": 50}
SLO = Slo.model_validate(
    {
        "dropped_share": 0.0,
        "failed_share": 0.01,
        "generator": {"cpu_share": 0.8, "lag_p99_ms": 50},
        "journeys": {"browse": LIMITS, "play": LIMITS},
    }
)
FIT = Generator(cpu_share=0.3, lag_p99_ms=4)
ROOT = Path(__file__).resolve().parents[2]


def tally(*times_ms: float, failed: int = 0, dropped: int = 0) -> Tally:
    made = Tally(due=len(times_ms) + failed + dropped, failed=failed, dropped=dropped)
    for each in times_ms:
        record_ms(made.times, each)
    return made


def ruled(browse: Tally, generator: Generator = FIT, *, latency: bool = True) -> Ruling:
    return judge({"browse": browse}, SLO, generator, latency=latency)


def test_what_is_within_its_limits_passes() -> None:
    assert ruled(tally(*[20.0] * 200)) == Ruling(rows=ruled(tally(*[20.0] * 200)).rows)
    assert ruled(tally(*[20.0] * 200)).outcome is Outcome.PASSED


def test_what_is_for_sure_too_slow_fails_and_says_by_how_much() -> None:
    ruling = ruled(tally(*[20.0] * 150, *[450.0] * 50))
    assert ruling.outcome is Outcome.FAILED
    assert ruling.reasons[0].startswith("browse: p95 450 ms, objective 200 ms")


def test_what_may_be_chance_is_invalid_and_no_failure() -> None:
    ruling = ruled(tally(*[20.0] * 94, *[300.0] * 6))
    assert ruling.outcome is Outcome.INVALID
    assert "may be chance" in ruling.reasons[0]


def test_failures_are_told_from_chance_too() -> None:
    assert ruled(tally(*[20.0] * 195, failed=5)).outcome is Outcome.INVALID
    ruling = ruled(tally(*[20.0] * 180, failed=20))
    assert ruling.outcome is Outcome.FAILED
    assert ruling.reasons == tuple(f"{what}: 20 of 200 failed, objective 1.00%" for what in ("browse", "all journeys"))


def test_failures_that_are_few_of_each_journey_are_many_of_all() -> None:
    some = tally(*[20.0] * 98, failed=2)
    ruling = judge(dict.fromkeys(("browse", "play"), some), SLO.model_copy(update={"failed_share": 0.001}), FIT)
    assert ruling.reasons == ("all journeys: 4 of 200 failed, objective 0.10%",)


def test_during_a_spike_only_what_fails_is_judged() -> None:
    slow = [900.0] * 200
    assert ruled(tally(*slow), latency=False).outcome is Outcome.PASSED
    assert ruled(tally(*slow, failed=50), latency=False).outcome is Outcome.FAILED


@pytest.mark.parametrize(
    ("generator", "words"),
    [(Generator(0.9, 4), "90% of a core, at most 80%"), (Generator(0.3, 80), "80 ms late at p99, at most 50 ms")],
)
def test_a_saturated_generator_is_invalid_whatever_it_measured(generator: Generator, words: str) -> None:
    for sample in (tally(*[20.0] * 200), tally(*[900.0] * 200, failed=100)):
        ruling = ruled(sample, generator)
        assert ruling.outcome is Outcome.INVALID
        assert words in ruling.reasons[0]


def test_zero_traffic_is_invalid() -> None:
    for sample in ({}, {"browse": Tally()}, {"browse": Tally(due=40)}):
        ruling = judge(sample, SLO, FIT)
        assert ruling.outcome is Outcome.INVALID
        assert "zero arrivals have ended" in ruling.reasons[0]


def test_a_journey_that_is_missing_or_rare_is_told() -> None:
    wanted = ["browse", "play"]
    assert too_few({"browse": 50, "play": 50}, SLO, wanted) == []
    assert too_few({"browse": 200}, SLO, wanted) == ["play: 0 arrivals have ended, fewer than 50 say nothing"]
    assert too_few({"browse": 200, "play": 49}, SLO, wanted) == [
        "play: 49 arrivals have ended, fewer than 50 say nothing"
    ]


def test_a_journey_without_an_objective_is_invalid() -> None:
    ruling = judge({"sell": tally(1.0)}, SLO, FIT)
    assert ruling.reasons == ("sell: the objective says nothing of this journey",)


def test_dropped_arrivals_are_no_pass_but_what_was_measured_wrong_stays_wrong() -> None:
    ruling = ruled(tally(*[20.0] * 200, dropped=3))
    assert (ruling.outcome, ruling.reasons[0][:34]) == (Outcome.INVALID, "3 of 203 arrivals were dropped (0.")
    assert ruled(tally(*[900.0] * 200, dropped=3)).outcome is Outcome.FAILED


def test_objectives_of_the_profiles_can_be_read() -> None:
    files = sorted((ROOT / "load" / "slo").glob("*.toml"))
    assert files
    assert [file.name for file in files if not read_slo(file).journeys] == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("dropped_share =", "not TOML"),
        ("\udcff", "not TOML"),
        ("dropped_share = 0.0\nfailed_share = 0.0", "generator: Field required"),
        ("dropped_share = 2.0", "dropped_share: Input should be less than 1"),
    ],
)
def test_an_objective_that_cannot_be_read_is_refused_with_its_reason(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "slo.toml").write_text(text, errors="surrogateescape")
    with pytest.raises(UsageError, match=words):
        read_slo(tmp_path / "slo.toml")
    with pytest.raises(UsageError, match="No such file"):
        read_slo(tmp_path / "none.toml")
