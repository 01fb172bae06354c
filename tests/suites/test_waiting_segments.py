"""What MON-02 takes for a segment of the log that waits to be archived."""

from types import SimpleNamespace
from typing import Any

import pytest

from seatrial import Invalid
from seatrial.errors import EnvironmentFault
from suites.monitoring import test_alerts as alerts

LATE = "platform archive: segment 1 was not archived within 75 s"


class Environment:
    """A platform and the primary's log, of which `archive` ends a segment that is not archived."""

    def __init__(self, *, answers: bool = True, ends: bool = True, offers: bool = True) -> None:
        self.pg = self.platform = self
        self._answers, self._ends, self._offers, self._segment = answers, ends, offers, 1

    def rows(self, _: str) -> list[dict[str, Any]]:
        return [{"segment": self._segment}]

    def offers(self, _: str) -> bool:
        return self._offers

    def archive(self) -> None:
        self._segment += self._ends
        raise EnvironmentFault(LATE)

    def status(self) -> SimpleNamespace:
        if not self._answers:
            raise EnvironmentFault("platform status: connection refused")
        return SimpleNamespace()


def end_segment(environment: Any) -> None:
    alerts._end_segment(environment)


def test_a_segment_that_ended_and_is_not_archived_waits() -> None:
    end_segment(Environment())


def test_where_no_segment_ended_none_waits() -> None:
    with pytest.raises(Invalid, match="no segment of the log has ended"):
        end_segment(Environment(ends=False))


def test_a_platform_that_does_not_answer_is_no_sign_of_a_segment_that_waits() -> None:
    with pytest.raises(EnvironmentFault, match="connection refused"):
        end_segment(Environment(answers=False))


def test_without_a_platform_that_ends_segments_nothing_is_struck() -> None:
    environment: Any = Environment(offers=False)
    with pytest.raises(Invalid, match="does not offer archive"):
        alerts.test_every_alert_fires_names_the_component_and_clears(environment)
