from collections.abc import Callable
from typing import Any

import pytest

from seatrial.load import Flight
from seatrial.load._growth import growths, hold_growth
from seatrial.outcome import Outcome


def samples(memory_mb: list[float], queue: list[float]) -> list[dict[str, Any]]:
    def tier(memory: float, messages: float) -> dict[str, Any]:
        gauges = {"queue_messages": messages}
        return {"memory_mb": memory, "files": 30, "processes": 2, "temporary": round(messages / 2), "gauges": gauges}

    each = enumerate(zip(memory_mb, queue, strict=True))
    return [{"t": 2.0 * at, "stage": "soak", "tiers": {"worker": tier(*figures)}} for at, figures in each]


def test_what_wanders_has_not_grown() -> None:
    assert not any(each.grew for each in growths(samples([100, 118, 95] * 10, [0, 7, 3] * 10)))


def test_memory_queues_and_temporary_files_that_grow_are_told() -> None:
    seen = growths(samples([100 + 10 * n for n in range(30)], [2 * n for n in range(30)]))
    assert [str(each) for each in seen if each.grew] == [
        "worker: memory GREW from 245 to 345 MB",
        "worker: temporary files GREW from 14 to 24",
        "worker: queue_messages GREW from 29 to 49",
    ]


def test_what_warms_up_and_then_stays_has_not_grown() -> None:
    assert not any(each.grew for each in growths(samples([20 * min(n, 10) for n in range(30)], [0] * 30)))


def test_few_samples_say_nothing() -> None:
    assert growths(samples([1, 2, 3], [1, 2, 3])) == []


def test_a_soak_that_grows_fails_and_one_that_was_hardly_looked_at_says_nothing() -> None:
    flat, rising = samples([100] * 30, [0] * 30), samples([100 + 10 * n for n in range(30)], [0] * 30)
    for looks, outcome in ((flat, Outcome.PASSED), (rising, Outcome.FAILED), (flat[:20], Outcome.INVALID)):
        flight = Flight(Outcome.PASSED, [])
        hold_growth(flight, looks, 60)
        assert flight.outcome is outcome
        assert bool(flight.reasons) == (outcome is not Outcome.PASSED)
    unmeasured = Flight(Outcome.INVALID, ["the generator is saturated"])
    hold_growth(unmeasured, rising, 60)
    assert unmeasured.outcome is Outcome.INVALID


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda looks: looks, ""),
        (lambda looks: looks[:40], "for 122 of 200 s nobody looked"),
        (lambda looks: looks[:50] + looks[70:], "for 42 of 200 s nobody looked"),
        (lambda looks: looks[60:], "for 122 of 200 s nobody looked"),
        (lambda looks: looks[:50] + looks[55:], ""),
        (lambda looks: looks[:66] + [{**look, "tiers": {}} for look in looks[66:]], "worker was not seen any more"),
    ],
    ids=["whole", "the rest unseen", "a gap", "the first part unseen", "a few looks fail", "a tier that is gone"],
)
def test_a_soak_of_which_a_part_was_not_seen_says_nothing(
    change: Callable[[list[dict[str, Any]]], list[dict[str, Any]]], words: str
) -> None:
    flight = Flight(Outcome.PASSED, [])

    hold_growth(flight, change(samples([100] * 100, [0] * 100)), 200)

    assert flight.outcome is (Outcome.INVALID if words else Outcome.PASSED)
    assert words in " ".join(flight.reasons)
