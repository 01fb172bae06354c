import sqlite3
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from seatrial import Invalid
from seatrial.traffic import Shot
from suites.deploy._rolling import AT_LEAST, Reply, Rolling, require_enough, require_short, tell


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


def later(seconds: float, by_s: float) -> Shot[Reply]:
    return Shot(10.0 + by_s, 10.5 + by_s, 10.5 + by_s + seconds, Reply("api read"))


def test_what_outlasted_the_drain_on_a_busy_machine_is_not_held_against_it() -> None:
    require_short([shot(9.0), shot(7.9, "cut")], 4.0, 8.0)
    with pytest.raises(Invalid, match=r"after 9.0 s, and those that succeeded meanwhile took 7.5 s in the median"):
        require_short([shot(9.0, "cut"), shot(7.0), shot(8.0), later(4.0, 20.0), later(4.1, 20.0)], 4.0, 8.0)


def test_a_request_that_hung_while_others_did_not_is_a_failure() -> None:
    require_short([shot(15.0, "timed out"), shot(4.2), later(4.1, 5.0), later(7.0, 10.0)], 4.0, 8.0)
    require_short([shot(15.0, "timed out"), shot(15.0, "timed out")], 4.0, 8.0)


class Tables:
    """What the product keeps of jobs and assets, for statements that every database reads alike."""

    def __init__(self, *jobs: tuple[str, str, str]) -> None:
        self.connection = sqlite3.connect(":memory:")
        self.connection.row_factory = sqlite3.Row
        self.connection.execute("create table assets (id, title)")
        self.connection.execute("create table jobs (asset_id, state, lease_owner)")
        for number, (title, state, owner) in enumerate(jobs):
            self.connection.execute("insert into assets values (?, ?)", (number, title))
            self.connection.execute("insert into jobs values (?, ?, ?)", (number, state, owner))

    def rows(self, statement: str, values: Sequence[object]) -> list[dict[str, Any]]:
        """Answer as the facet does."""
        return [dict(row) for row in self.connection.execute(statement.replace("%s", "?"), values)]


def test_only_a_job_of_our_own_shows_that_a_new_worker_works() -> None:
    tables = Tables(
        ("trial-1 job burst 1", "done", "worker-1.a"),
        ("trial-1 job burst 2", "running", "worker-2.b"),
        ("trial-0 job burst 1", "done", "worker-3.c"),
    )
    rolling = object.__new__(Rolling)
    rolling._disrupt = SimpleNamespace(marker="trial-1", pg=tables)  # type: ignore[assignment]

    assert rolling.workers() == {"worker-1"}
