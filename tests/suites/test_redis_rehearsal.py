"""Which message counts as the first that Redis took after its primary was lost."""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

from suites.dr.test_redis import _Rehearsal

BEGAN = datetime(2026, 11, 1, tzinfo=UTC)


class Database:
    """Its clock goes on a second with each question for it; it knows one message a second."""

    def __init__(self) -> None:
        self.clock = BEGAN

    def rows(self, sql: str, given: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
        if given is None:
            self.clock += timedelta(seconds=1)
            return [{"at": self.clock}]
        since = re.search(r"outbox\.created_at > %\((\w+)\)s", sql)
        assert since is not None
        sent = [BEGAN + timedelta(seconds=number + 0.5) for number in range(9)]
        return [{"after_s": (at - given["struck"]).total_seconds()} for at in sent if at > given[since[1]]][:1]


def test_a_message_that_the_primary_took_while_it_was_being_killed_is_not_the_first_after_it() -> None:
    database = Database()
    rehearsal: Any = _Rehearsal.__new__(_Rehearsal)
    rehearsal._destroy = SimpleNamespace(
        pg=database, platform=SimpleNamespace(kill=lambda *_, **__: None), tcp=None, marker="trial"
    )
    rehearsal._primary = SimpleNamespace(name="redis")

    def strike(_what: str, act: Callable[[], object], _in_effect: Callable[[], object]) -> None:
        act()

    rehearsal.drill = SimpleNamespace(strike=strike)
    rehearsal.strike()

    assert rehearsal.first_write_s() == 1.5
