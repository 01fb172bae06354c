import random

from load.recorder import Merged, Recorder, at_share_ms
from seatrial.statistics import quantile


def test_tallies_of_several_workers_merge_to_what_one_would_have_counted() -> None:
    chance = random.Random(7)  # noqa: S311 - the same sample each time
    times = [chance.lognormvariate(3, 1) for _ in range(3000)]
    workers, one, merged = [Recorder(), Recorder(), Recorder()], Recorder(), Merged()
    for number, time_ms in enumerate(times):
        for recorder in (one, workers[number % 3]):
            recorder.due("steady", "browse")
            recorder.served("steady", "browse", time_ms)
        if number % 1000 == 999:  # reports hold what is new, and several of each worker come
            for worker in workers:
                merged.add(worker.take())
    alone = Merged()
    alone.add(one.take())
    tally = merged.stages["steady"]["browse"]
    assert (tally.due, tally.served, tally.failed, tally.dropped) == (3000, 3000, 0, 0)
    for share in (0.5, 0.95, 0.99, 0.999, 1.0):
        assert at_share_ms(tally.times, share) == at_share_ms(alone.stages["steady"]["browse"].times, share)
        true_ms = quantile(times, share)
        assert abs(at_share_ms(tally.times, share) - true_ms) <= 0.002 * true_ms + 0.001


def test_what_fails_and_what_is_dropped_has_no_time() -> None:
    recorder, merged = Recorder(), Merged()
    for _ in range(3):
        recorder.due("spike", "play")
    recorder.served("spike", "play", 12.0)
    recorder.failed("spike", "play", "206 from the edge: 500")
    recorder.dropped("spike", "play")
    together = merged.add(recorder.take())
    assert (together.due, together.served, together.failed, together.dropped, together.ended) == (3, 1, 1, 1, 2)
    assert merged.errors == {"play: 206 from the edge: 500": 1}
    assert recorder.take() == {"rows": [], "errors": {}}


def test_a_time_beyond_the_histogram_counts_as_the_longest() -> None:
    recorder, merged = Recorder(), Merged()
    recorder.served("soak", "process", 1e9)
    merged.add(recorder.take())
    assert at_share_ms(merged.stages["soak"]["process"].times, 0.5) > 299_000


def test_many_kinds_of_errors_are_counted_up_to_a_bound() -> None:
    recorder = Recorder()
    for number in range(500):
        recorder.failed("soak", "browse", f"error {number}")
    taken = recorder.take()
    assert len(taken["errors"]) == 50
    assert taken["rows"][0][2]["failed"] == 500


def test_an_error_that_is_known_is_counted_beyond_that_bound() -> None:
    recorder = Recorder()
    for number in (*range(60), 0, 0):
        recorder.failed("soak", "browse", f"error {number}")
    assert recorder.take()["errors"]["browse: error 0"] == 3
