"""What MON-02 makes of when an alert began and ended: against strikes at second 10, all there until 60, undone at 70."""

from types import SimpleNamespace
from typing import Any

import pytest

from seatrial.cases import Cases
from suites.monitoring._alert_times import Budget
from suites.monitoring.test_alerts import _Round


def found(name: str, began_s: float, ended_s: float | None) -> list[str]:
    """Judge one alert, and return the cases that it fails."""
    alert = (name, "redis")
    seen: Any = SimpleNamespace(began_s={alert: began_s}, ended_s={} if ended_s is None else {alert: ended_s})
    cases = Cases()
    _Round({name: alert}, seen, {name: 10.0}, 60.0, 70.0)._row(cases, name, Budget(15.0, 20.0))
    return [finding.case for finding in cases.findings]


@pytest.mark.parametrize(
    ("name", "began_s", "ended_s", "failed"),
    [
        ("RedisDown", 20.0, 80.0, []),
        ("RedisDown", 20.0, 65.0, []),  # its own cause was the first that was undone
        ("RedisDown", 30.0, 80.0, ["RedisDown fires"]),
        ("RedisDown", 20.0, 91.0, ["RedisDown clears"]),
        ("RedisDown", 20.0, None, ["RedisDown clears"]),
        ("RedisDown", 20.0, 59.0, ["RedisDown lasts"]),
        ("DeadLetters", 20.0, 59.0, []),  # an entry that has come, and no state
    ],
)
def test_an_alert_fires_in_time_as_long_as_its_cause_is_there_and_no_longer(
    name: str, began_s: float, ended_s: float | None, failed: list[str]
) -> None:
    assert found(name, began_s, ended_s) == failed
