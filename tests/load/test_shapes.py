from load.shapes import PAUSE, SHAPES, Ramp, Search, Sight, Spike, Steady, Step, Stress, shape_named
from load.slo import Ruling


def at(elapsed_s: float, *, under_way: int = 0, ruling: Ruling | None = None) -> Sight:
    return Sight(elapsed_s, under_way, lambda _stage: ruling or Ruling())


def test_baseline_and_soak_keep_the_rate_and_end() -> None:
    shape = Steady("baseline", 10, 60)
    assert [shape.step(at(second)) for second in (0, 59, 60)] == [Step("baseline", 10), Step("baseline", 10), None]


def test_a_ramp_rises_from_a_tenth_to_the_rate() -> None:
    shape = Ramp(100, 10)
    rates = [step.rate_per_s for second in range(10) if (step := shape.step(at(second)))]
    assert rates[0] == 10
    assert rates == sorted(rates)
    assert 90 <= rates[-1] < 100
    assert shape.step(at(10)) is None


def test_a_spike_is_judged_by_what_comes_before_and_after_it() -> None:
    shape = Spike(10, 100)
    steps = [step for second in range(100) if (step := shape.step(at(second)))]
    assert [(step.stage, step.rate_per_s, step.latency) for step in dict.fromkeys(steps)] == [
        ("before", 10, True),
        ("spike", 30, False),
        ("recovery", 10, False),
        ("after", 10, True),
    ]
    assert shape.step(at(100)) is None


def _search(knee: float, start: float) -> tuple[Search, list[float]]:
    search, tried = Search(start), []
    while (rate := search.next()) is not None:
        tried.append(rate)
        search.tell(rate, holds=rate <= knee)
    return search, tried


def test_the_search_closes_in_on_the_knee() -> None:
    for knee in (11.0, 37.0, 160.0, 999.0):
        search, tried = _search(knee, 10)
        assert search.held is not None
        assert search.broke is not None
        assert search.held <= knee < search.broke <= 1.1 * search.held
        assert len(tried) <= 14


def test_the_search_goes_below_its_start_and_gives_up_in_the_end() -> None:
    search, _ = _search(6.0, 40)
    assert search.held is not None
    assert 5.4 <= search.held <= 6.0
    assert _search(0.1, 40)[0].held is None


def _stress(knee: float) -> tuple[Stress, list[Step]]:
    shape, steps, second = Stress(10, 5), list[Step](), 0.0
    while True:
        rate = steps[-1].rate_per_s if steps else 0.0
        ruling = Ruling() if rate <= knee else Ruling(beyond=("slow",))
        step = shape.step(at(second, ruling=ruling))
        if step is None:
            return shape, steps
        steps.append(step)
        second += 1


def test_stress_takes_whole_steps_and_ends_at_the_knee() -> None:
    shape, steps = _stress(23)
    assert shape.search.held is not None
    assert 20 <= shape.search.held <= 23
    assert not shape.stopped
    stages = [step.stage for step in steps]
    assert all(stages.count(stage) == 5 for stage in set(stages))


def test_stress_waits_until_what_is_under_way_has_ended() -> None:
    shape = Stress(10, 5)
    assert shape.step(at(0)) == Step("10/s, step 1", 10)
    assert shape.step(at(5, under_way=7)) == Step(PAUSE, 0)
    assert shape.step(at(9)) == Step("20/s, step 2", 20)


def test_stress_ends_where_the_generator_is_saturated() -> None:
    shape = Stress(10, 5)
    shape.step(at(0))
    assert shape.step(at(5, ruling=Ruling(invalid=("the generator is saturated",)))) is None
    assert shape.stopped == "10/s: the generator is saturated"


def test_every_name_makes_a_shape() -> None:
    for name in SHAPES:
        assert shape_named(name, 5, 10).step(at(0))
