import asyncio
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import pytest

from seatrial import Failure, Invalid
from seatrial.impact import Observe
from seatrial.traffic import Shot
from suites.deploy._bake import _OLDEST, Bake, Count, counted, judge
from system.platforms.local.bootstrap_postgres import DATABASE
from system.platforms.local.ca import Authority
from system.platforms.local.secret_files import SecretFiles
from tests.platform.bench import free_layout
from tests.platform.lone import idle_instance, lone_server

METRICS = """# HELP process_start_time_seconds Start time.
# TYPE process_start_time_seconds gauge
process_start_time_seconds 17.5
# HELP http_requests_total Answered requests.
# TYPE http_requests_total counter
http_requests_total{method="GET",route="/a",status="200"} 8.0
http_requests_total{method="GET",route="/a",status="502"} 2.0
http_requests_total{method="GET",route="/readyz",status="503"} 5.0
http_requests_total{method="GET",route="/version",status="200"} 7.0
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
    services = {"a": "api", "b": "edge"}

    assert Bake(instances=services, before=before, after={"a": Count(1, 104, 51), "b": Count(2, 9, 9)}).errors == 0.25
    assert Bake(instances=services, before=before, after=dict(before)).errors is None


def test_a_service_that_counted_next_to_nothing_is_named() -> None:
    services = {"api-1": "api", "api-2": "api", "edge-1": "edge", "worker-1": "worker"}
    after = {"api-1": Count(1, 6, 0), "api-2": Count(1, 4, 0), "edge-1": Count(1, 9, 0), "worker-1": Count(1, 0, 0)}

    seen = Bake(instances=services, before=dict.fromkeys(services, Count(1, 0, 0)), after=after)

    assert seen.uncounted == ["edge 9"]


def test_latency_counts_from_when_a_request_was_due() -> None:
    seen = Bake(shots=[Shot(0.0, 0.4, 0.1 * number, "") for number in range(1, 11)])

    assert [seen.latency_s(0.5), seen.latency_s(0.99)] == pytest.approx([0.6, 1.0])
    assert Bake(shots=[Shot(0, 0, 0, ""), Shot(0, 0, 0, "reset")]).failed == ["reset"]


@dataclass
class Handle:
    """What judging asks of a handle: evidence and cases, as every handle has them."""

    told: dict[str, Any] = field(default_factory=dict)

    def evidence(self, name: str, value: Any) -> None:
        self.told[name] = value

    cases = Observe.cases


def judged(handle: Handle, failed: int = 0, took_s: float = 0.1, answers: int = 10) -> None:
    shots = [Shot(0.0, 0.0, took_s, "app:/sign-in: 500" if number < failed else "") for number in range(200)]
    seen = Bake(shots, {"edge-1": "edge"}, {"edge-1": Count(1, 0, 0)}, {"edge-1": Count(1, answers, 0)}, [0.0])
    judge(handle, seen, most_errors=0.001, most_latency_s=2.0, most_age_s=30.0)  # type: ignore[arg-type]


def test_a_release_whose_instances_counted_nothing_is_unknown_and_not_well() -> None:
    judged(Handle())
    with pytest.raises(Invalid, match="counted fewer than 10 answers of theirs: edge 9"):
        judged(Handle(), answers=9)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [({"failed": 1}, "app:/sign-in: 500"), ({"took_s": 3.0}, "99 % of the requests within 2 s")],
    ids=["one that fails", "slow ones"],
)
def test_what_is_wrong_outweighs_what_was_not_counted(wrong: dict[str, Any], words: str) -> None:
    with pytest.raises(Failure) as caught:
        judged(Handle(), answers=0, **wrong)

    assert words in str(caught.value)


def test_a_job_that_takes_long_waits_for_nobody_until_its_lease_has_ended(tmp_path: Path) -> None:
    layout = free_layout(tmp_path)
    layout.make()
    SecretFiles(layout.secrets).make_all()
    Authority(layout.ca).ensure_root()

    async def main() -> list[float]:
        async with idle_instance(layout) as instance, lone_server(layout, instance.children) as server:
            async with await psycopg.AsyncConnection.connect(server.admin_dsn(DATABASE)) as connection:
                await connection.execute(
                    "create temp table jobs (state text, created_at timestamptz, lease_until timestamptz)"
                )
                found = []
                for state, made_s, lease_s in (
                    ("done", 9000, None),
                    ("running", 3600, -30),
                    ("queued", 50, None),
                    ("running", 3600, 70),
                ):
                    await connection.execute(
                        "insert into jobs values (%s, now() - %s * interval '1 s', now() - %s * interval '1 s')",
                        (state, made_s, lease_s),
                    )
                    answer = await (await connection.execute(_OLDEST)).fetchone()
                    found.append(answer[0] if answer else -1.0)
            return found

    assert asyncio.run(main()) == [0, 0, 50, 70]
