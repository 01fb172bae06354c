"""The policy acts on what lasted, within its bounds; what each instance answered is read from its own counters."""

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler

import pytest

from system.platforms.local.addresses import Endpoint
from system.platforms.local.autoscaler import Demand, answered
from system.platforms.local.parts.autoscaler import Policy
from tests.serving import answering

POLICY = Policy(least=1, most=3, requests_per_s=60.0, out_after_s=3.0, in_after_s=8.0)
METRICS = """\
# TYPE http_requests_total counter
http_requests_total{method="GET",route="/version",status="200"} 7.0
http_requests_total{method="GET",route="/sign-in",status="200"} 5.0
http_requests_total{method="GET",route="/readyz",status="200"} 900.0
http_requests_total{method="GET",route="/metrics",status="200"} 80.0
"""


class Instance(BaseHTTPRequestHandler):
    """Answers with the figures of a service."""

    def do_GET(self) -> None:
        """Answer."""
        self.send_response(200)
        self.end_headers()
        self.wfile.write(METRICS.encode())

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def instance() -> Iterator[Endpoint]:
    """Serve the figures."""
    with answering(Instance) as port:
        yield Endpoint("127.0.0.1", port)


def wanted(count: int, *rates: float | None) -> int:
    """Give what is wanted after a rate each second; None is a second in which the instance does not say what it did."""
    demand, answered = Demand(POLICY), 0.0
    demand.add(0.0, {"frontend-1": answered})
    for at_s, per_s in enumerate(rates, 1):
        answered += 90.0 if per_s is None else per_s
        demand.add(float(at_s), {} if per_s is None else {"frontend-1": answered})
    return demand.wanted(count)


@pytest.mark.parametrize(
    ("count", "rates", "expected"),
    [
        pytest.param(1, [90.0], 1, id="a single moment"),
        pytest.param(1, [90.0, 90.0, 90.0], 2, id="three seconds of more"),
        pytest.param(1, [0.0] * 20 + [90.0, 90.0], 1, id="two seconds of more"),
        pytest.param(1, [90.0, 90.0, 50.0, 90.0, 90.0], 2, id="more, though not evenly"),
        pytest.param(1, [90.0, 90.0, 0.0, 0.0, 90.0], 1, id="more, with a pause"),
        pytest.param(1, [90.0, 90.0, None, 90.0], 2, id="more, by one that was too busy to say so"),
        pytest.param(1, [200.0, 70.0, 60.0], 2, id="as many as the mean needs"),
        pytest.param(1, [999.0] * 9, 3, id="the most"),
        pytest.param(2, [90.0] * 9 + [0.0] * 5, 2, id="five seconds of quiet"),
        pytest.param(2, [90.0] * 9 + [0.0] * 9, 1, id="nine seconds of quiet"),
        pytest.param(3, [0.0] * 5 + [90.0] * 3 + [0.0] * 5, 2, id="quiet, with a moment that needed two"),
        pytest.param(2, [0.0, 0.0], 2, id="just started"),
        pytest.param(5, [0.0], 3, id="above the most"),
    ],
)
def test_what_lasts_is_acted_on(count: int, rates: list[float | None], expected: int) -> None:
    assert wanted(count, *rates) == expected


def test_probes_do_not_count_and_who_does_not_answer_is_left_out(instance: Endpoint) -> None:
    assert answered({"frontend-1": instance, "frontend-2": Endpoint("127.0.0.1", 1)}) == {"frontend-1": 12.0}
