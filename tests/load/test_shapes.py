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


HELD, BROKE = Ruling(), Ruling(beyond=("slow",))


def _search(knee: float, start: float) -> tuple[Search, list[float]]:
    search, tried = Search("", start, lowest=start / 16), []
    while (rate := search.next()) is not None:
        tried.append(rate)
        search.tell(rate, HELD if rate <= knee else BROKE)
    return search, tried


def test_the_search_closes_in_on_the_knee() -> None:
    for knee in (11.0, 37.0, 160.0, 999.0):
        search, tried = _search(knee, 10)
        assert search.held is not None
        assert search.broke is not None
        assert search.held <= knee < search.broke <= 1.25 * search.held
        assert len(tried) <= 10


def test_the_search_goes_below_its_start_and_gives_up_in_the_end() -> None:
    search, _ = _search(6.0, 40)
    assert search.held is not None
    assert 4.8 <= search.held <= 6.0
    assert _search(0.1, 40)[0].held is None


def _stress(knees: dict[str, float]) -> tuple[Stress, list[Step]]:
    """Fly a search to its end, where "" holds up to the smallest of the knees."""
    shape, steps, second = Stress(10, 5, {"play": 1, "browse": 3}), list[Step](), 0.0
    while True:
        last = next((step for step in reversed(steps) if step.stage != PAUSE), None)
        holds = last is None or last.rate_per_s <= knees[last.journey]
        step = shape.step(at(second, ruling=HELD if holds else BROKE))
        if step is None:
            return shape, steps
        steps.append(step)
        second += 1


def test_stress_takes_whole_steps_and_finds_the_knee_of_all_and_of_each() -> None:
    shape, steps = _stress({"": 23, "play": 9, "browse": 70})
    together, play, browse = shape.searches
    assert (together.held, together.broke) == (20, 25)
    assert (play.held, play.broke) == (8.75, 10)
    assert (browse.held, browse.broke) == (60, 75)
    stages = [step.stage for step in steps if step.stage != PAUSE]
    assert all(stages.count(stage) == 5 for stage in set(stages))
    assert {step.journey for step in steps if step.stage in play.stages.values()} == {"play"}


def test_stress_of_one_journey_is_one_search() -> None:
    assert [search.journey for search in Stress(10, 5, {"play": 35}).searches] == ["play"]


def test_a_step_of_stress_has_some_arrivals_however_rare_a_journey_is() -> None:
    *_, rare = Stress(10, 5, {"browse": 99, "promote": 1}).searches
    assert (rare.start, rare.lowest) == (0.8, 0.4)


def test_stress_waits_until_what_is_under_way_has_ended_and_was_reported() -> None:
    shape = Stress(10, 5, {"play": 1})
    assert shape.step(at(0)) == Step("play 10/s", 10, journey="play")
    assert shape.step(at(5)) == Step(PAUSE, 0)
    assert shape.step(at(7, under_way=7)) == Step(PAUSE, 0)
    assert shape.step(at(9)) == Step("play 20/s", 20, journey="play")


def test_a_rate_at_which_the_generator_is_saturated_did_not_hold() -> None:
    shape = Stress(10, 5, {"play": 1, "browse": 1})
    shape.step(at(0))
    assert shape.step(at(6, ruling=Ruling(invalid=("the generator is saturated",)))) == Step("all journeys 5/s", 5)


def test_every_name_makes_a_shape() -> None:
    for name in SHAPES:
        assert shape_named(name, 5, 10, {"browse": 1}).step(at(0))
