import pytest

from seatrial import Failure
from seatrial.traffic import Shot
from suites.deploy._bake import Bake, Count, counted

METRICS = """# HELP process_start_time_seconds Start time.
# TYPE process_start_time_seconds gauge
process_start_time_seconds 17.5
# HELP http_requests_total Answered requests.
# TYPE http_requests_total counter
http_requests_total{method="GET",route="/a",status="200"} 8.0
http_requests_total{method="GET",route="/a",status="502"} 2.0
http_requests_total{method="GET",route="/readyz",status="503"} 5.0
"""


def test_an_instance_counts_its_answers_without_the_probes() -> None:
    assert counted(METRICS, "api-1") == Count(started=17.5, answers=10, errors=2)
    with pytest.raises(Failure, match="process_start_time_seconds among the metrics"):
        counted(METRICS.replace("process_start", "other_start"), "api-1")


@pytest.mark.parametrize(
    ("after", "restarted"),
    [(Count(1, 20, 0), []), (Count(2, 1, 0), ["edge-1"]), (None, ["edge-1"])],
    ids=["the same process", "another process", "gone"],
)
def test_an_instance_that_is_another_process_or_gone_was_restarted(after: Count | None, restarted: list[str]) -> None:
    assert Bake(before={"edge-1": Count(1, 10, 0)}, after={"edge-1": after}).restarted == restarted
    assert Bake(before={"edge-1": None}, after={"edge-1": after}).restarted == ["edge-1"]


def test_errors_are_a_share_of_what_was_answered_meanwhile() -> None:
    before = {"a": Count(1, 100, 50), "b": Count(1, 0, 0)}

    assert Bake(before=before, after={"a": Count(1, 104, 51), "b": Count(2, 9, 9)}).errors == 0.25
    assert Bake(before=before, after=dict(before)).errors == 0.0


def test_latency_counts_from_when_a_request_was_due() -> None:
    seen = Bake(shots=[Shot(0.0, 0.4, 0.1 * number, "") for number in range(1, 11)])

    assert [seen.latency_s(0.5), seen.latency_s(0.99)] == pytest.approx([0.6, 1.0])
    assert Bake(shots=[Shot(0, 0, 0, ""), Shot(0, 0, 0, "reset")]).failed == ["reset"]
