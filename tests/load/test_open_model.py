"""When arrivals fall due while the rate changes."""

import math
import time

import gevent
from gevent.event import Event
from hypothesis import given
from hypothesis import strategies as st

from load.open_model import Order, Schedule, Timetable
from load.recorder import Recorder
from load.shapes import Ramp, Sight
from load.slo import Ruling
from seatrial import Failure
from tests.statistics import PATIENT

SPANS = st.lists(st.tuples(st.floats(0.001, 5), st.sampled_from([0.0, 0.2, 1.0, 7.0, 50.0])), min_size=1, max_size=20)


def kept(spans: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Keep a timetable for some seconds at each rate; give, of each arrival, when its rate began and when it fell due."""
    table, ends_s, found = Timetable(0.0), 0.0, list[tuple[float, float]]()
    for seconds, rate_per_s in spans:
        table.change(ends_s, rate_per_s)
        begins_s, ends_s = ends_s, ends_s + seconds
        while table.due_s <= ends_s:
            found.append((begins_s, table.due_s))
            table.arrived()
    return found


@PATIENT
@given(SPANS)
def test_no_change_of_the_rate_dates_an_arrival_before_itself(spans: list[tuple[float, float]]) -> None:
    found = kept(spans)
    assert all(changed_s <= due_s for changed_s, due_s in found)
    assert [due_s for _, due_s in found] == sorted(due_s for _, due_s in found)


@PATIENT
@given(SPANS)
def test_as_many_arrive_as_the_rate_comes_to(spans: list[tuple[float, float]]) -> None:
    assert abs(len(kept(spans)) - math.fsum(seconds * rate for seconds, rate in spans)) <= 1 + 1e-9


def test_a_ramp_at_a_low_rate_has_all_of_its_arrivals() -> None:
    ramp = Ramp(rate_per_s=0.5, seconds=100)
    steps = [ramp.step(Sight(float(second), 0, lambda _: Ruling())) for second in range(100)]
    rates = [step.rate_per_s for step in steps if step]
    assert abs(len(kept([(1.0, rate) for rate in rates])) - math.fsum(rates)) <= 1


def test_whoever_waits_when_the_rate_rises_is_not_late_from_before_it_rose() -> None:
    recorder, late_ms, came = Recorder(), list[float](), Event()

    def seen(journey: str, time_ms: float, error: Exception | None) -> None:
        late_ms.append(time_ms - 1000 * (time.perf_counter() - changed_s))
        came.set()

    schedule = Schedule({"look": lambda: None}, {"look": 1}, recorder, seen)
    schedule.obey(Order(0.1, "ramp"))
    running = gevent.spawn(schedule.run)
    try:
        gevent.sleep(0.2)
        changed_s = time.perf_counter()
        schedule.obey(Order(100.0, "ramp"))
        assert came.wait(20)
    finally:
        running.kill()
    assert late_ms[0] <= 0


def test_an_error_is_told_in_whole_words() -> None:
    def fail() -> None:
        raise Failure("a token", f"{'x' * 200} token={'y' * 200}")

    recorder, ended = Recorder(), Event()
    schedule = Schedule({"look": fail}, {"look": 1}, recorder, lambda *_: ended.set())
    schedule.obey(Order(100.0, "steady"))
    running = gevent.spawn(schedule.run)
    try:
        assert ended.wait(20)
    finally:
        running.kill()
    assert set(recorder.take()["errors"]) == {f"look: expected a token; saw {'x' * 200} …"}
