"""Expositions, good and bad."""

import pytest

from seatrial import Failure
from suites.monitoring import _exposition as exposition

GOOD = """\
# HELP http_requests_total Answered requests.
# TYPE http_requests_total counter
http_requests_total{method="GET",route="/v1/assets/{asset_id}",status="200"} 3
http_requests_total{method="GET",route="unmatched",status="404"} 2
# HELP http_requests_created Answered requests.
# TYPE http_requests_created gauge
http_requests_created{method="GET",route="unmatched",status="404"} 1.795e+09
# HELP http_request_duration_seconds Time to the end of the answer.
# TYPE http_request_duration_seconds histogram
http_request_duration_seconds_bucket{le="0.1",route="/"} 1
http_request_duration_seconds_bucket{le="+Inf",route="/"} 1
http_request_duration_seconds_count{route="/"} 1
http_request_duration_seconds_sum{route="/"} 0.05
# HELP queue_messages Entries waiting.
# TYPE queue_messages gauge
queue_messages 4
# HELP seatrial_info Which release runs.
# TYPE seatrial_info gauge
seatrial_info{release="804bdee9b8c6"} 1
"""


def of(text: str) -> dict[str, exposition.Family]:
    return exposition.parse(text, "api-1")


def metric(name: str, kind: str, labels: str = "", help_text: str = "Text.") -> str:
    return f"# HELP {name} {help_text}\n# TYPE {name} {kind}\n{name}{labels} 1\n"


def test_good_metrics_have_no_offence() -> None:
    assert exposition.unconventional(of(GOOD)) == []
    assert exposition.unbounded(of(GOOD), ["seatrial-abc"]) == []


def test_series_add_up_over_instances_and_labels() -> None:
    assert exposition.total([of(GOOD), of(GOOD)], "http_requests_total") == 10
    assert exposition.total([of(GOOD)], "http_requests_total", status="404") == 2
    assert exposition.total([of(GOOD)], "no_such_metric") == 0


def test_what_is_no_exposition_is_a_failure_of_the_service() -> None:
    with pytest.raises(Failure, match="api-1"):
        of("<html>\n")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (metric("requests", "counter"), "does not end in _total"),
        (metric("requests_total", "gauge"), "ends in _total"),
        (metric("requestsSeen", "gauge"), "lower case"),
        (metric("job:latency", "gauge"), "lower case"),
        (metric("latency_ms", "gauge"), "no base unit"),
        (metric("memory_megabytes", "gauge"), "no base unit"),
        (metric("requests_count", "gauge"), "part of a histogram"),
        (metric("queue", "gauge", help_text=""), "no help text"),
        ("queue 1\n", "no type"),
        (metric("queue", "gauge", '{Kind="a"}'), "label Kind"),
        (metric("queue", "gauge", '{job="a"}'), "label job"),
        (metric("queue", "gauge", '{le="1"}'), "label le"),
    ],
)
def test_an_unconventional_metric_is_named(text: str, words: str) -> None:
    assert any(words in offence for offence in exposition.unconventional(of(text)))


@pytest.mark.parametrize(
    "value",
    [
        "/v1/assets/4a9d1558-81f5-4f15-84af-3f3f4e643086",
        "b867bf1196887d792cf340febb350b2e",
        "trial1@example.test",
        "1795414706732",
        "/x?q=1",
        "/seatrial-abc-7",
    ],
)
def test_a_label_from_a_request_is_named(value: str) -> None:
    text = metric("queue", "gauge", f'{{route="{value}"}}')
    assert exposition.unbounded(of(text), ["seatrial-abc"]) == [f"queue: label route holds {value!r}"]


@pytest.mark.parametrize("value", ["200", "/v/{asset_id}/{variant}", "GET", "other", "x264", "api-1", "defaced"])
def test_a_bounded_label_is_left_alone(value: str) -> None:
    assert exposition.unbounded(of(metric("queue", "gauge", f'{{route="{value}"}}')), ["seatrial-abc"]) == []


def test_too_many_series_are_named_and_buckets_do_not_count() -> None:
    def histogram(routes: int) -> str:
        head = "# HELP t_seconds T.\n# TYPE t_seconds histogram\n"
        lines = [
            f't_seconds_bucket{{le="{bound}",route="/{route}"}} 1\n'
            for route in range(routes)
            for bound in ("1", "+Inf")
        ]
        return head + "".join(lines)

    assert exposition.unbounded(of(histogram(exposition.SERIES_LIMIT)), []) == []
    assert "201 series" in exposition.unbounded(of(histogram(exposition.SERIES_LIMIT + 1)), [])[0]
