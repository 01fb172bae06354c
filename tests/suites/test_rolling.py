import pytest

from seatrial import Invalid
from seatrial.traffic import Shot
from suites.deploy._rolling import AT_LEAST, Reply, require_enough, require_short, tell


def shot(seconds: float, failure: str = "") -> Shot[Reply]:
    return Shot(10.0, 10.5, 10.5 + seconds, Reply("api read", failure))


def test_requests_are_summed_up_from_when_they_were_due() -> None:
    told = tell([shot(0.1), shot(2.0), shot(0.2, "reset")])

    assert told == {"requests": 3, "failed": 1, "failures": ["reset"], "longest_s": 2.5}
    assert tell([])["requests"] == 0


def test_too_few_requests_say_nothing() -> None:
    require_enough(dict(AT_LEAST))
    with pytest.raises(Invalid, match=r"too few requests .*: 2 downloads of"):
        require_enough(AT_LEAST | {"downloads": 2})


def test_what_outlasted_the_drain_is_not_held_against_it() -> None:
    require_short([shot(9.0), shot(7.9, "cut")], 8.0)
    with pytest.raises(Invalid, match=r"1 requests that failed had lasted up to 9.0 s"):
        require_short([shot(9.0, "cut"), shot(1.0)], 8.0)
