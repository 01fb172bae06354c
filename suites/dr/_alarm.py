"""The alert that must fire while something is gone, as Prometheus tells it."""

import time
from collections.abc import Collection

from seatrial import Failure, Invalid, Observe, eventually
from suites.monitoring._alert_times import Budget, alert_times
from suites.monitoring._watch import firing

PROMETHEUS = "prometheus"
EVERY_S = 0.25


def unseen(observe: Observe) -> str:
    """Say why nobody can see here whether an alert fires; nothing where it can be seen."""
    if observe.profile.monitoring is None:
        return "the profile has no [monitoring]"
    return "" if PROMETHEUS in observe.platform.status().parts else f"the platform runs no {PROMETHEUS}"


def require_silent(observe: Observe, alert: str, components: Collection[str]) -> None:
    """Wait until it fires for none of them, as it may after another drill; Invalid when it goes on."""
    within_s = _budget(observe, alert).clears_s
    try:
        eventually(
            lambda: not _named(observe, alert, components), within_s=within_s, every_s=EVERY_S, what=f"{alert} ends"
        )
    except Failure as failure:
        raise Invalid(f"{alert} fires before anything is struck: {failure}") from None


def require_fires(observe: Observe, alert: str, components: Collection[str], struck_s: float) -> dict[str, float]:
    """Wait until it has fired for each of them; return the seconds since `struck_s`, on the monotonic clock, by component.

    Raises Failure when it has not within its line of targets.alert_times.
    """
    fires_s, seen = _budget(observe, alert).fires_s, dict[str, float]()

    def told() -> bool:
        for name in _named(observe, alert, components):
            seen.setdefault(name, round(time.monotonic() - struck_s, 1))
        return seen.keys() >= set(components)

    try:
        left_s = max(0.0, struck_s + fires_s - time.monotonic())
        eventually(told, within_s=left_s, every_s=EVERY_S, what=alert)
    except Failure:
        expected = f"{alert} to fire within {fires_s:g} s and name {', '.join(sorted(components))}"
        raise Failure(expected, f"it fired for {seen or 'none of them'}", PROMETHEUS) from None
    return seen


def _named(observe: Observe, alert: str, components: Collection[str]) -> list[str]:
    now = firing(observe)
    return [name for name in components if (alert, name) in now]


def _budget(observe: Observe, alert: str) -> Budget:
    budgets = alert_times(observe)
    if alert not in budgets:
        raise Invalid(f"targets.alert_times has no line for {alert}")
    return budgets[alert]
