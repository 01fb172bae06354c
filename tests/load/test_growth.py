from typing import Any

from seatrial.load._growth import growths


def samples(memory_mb: list[float], queue: list[float]) -> list[dict[str, Any]]:
    def tier(memory: float, messages: float) -> dict[str, Any]:
        return {"memory_mb": memory, "files": 30, "processes": 2, "gauges": {"queue_messages": messages}}

    return [{"tiers": {"worker": tier(*each)}} for each in zip(memory_mb, queue, strict=True)]


def test_what_wanders_has_not_grown() -> None:
    assert not any(each.grew for each in growths(samples([100, 118, 95] * 4, [0, 7, 3] * 4)))


def test_memory_and_queues_that_grow_are_told() -> None:
    seen = growths(samples([100 + 10 * n for n in range(12)], [5 * n for n in range(12)]))
    assert [str(each) for each in seen if each.grew] == [
        "worker: memory GREW from 115 to 195 MB",
        "worker: queue_messages GREW from 8 to 48",
    ]


def test_few_samples_say_nothing() -> None:
    assert growths(samples([1, 2, 3], [1, 2, 3])) == []
