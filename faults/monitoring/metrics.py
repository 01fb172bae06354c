"""What can blind the metrics, or drown whoever keeps them."""

from seatrial import Destroy, Observe, fault
from suites.client import every_instance_runs


@fault(
    "metrics-path-label", kind="code", takes_s=30.0, caught_by={"MON-01": "no label value that comes from a request"}
)
class PathAsLabel:
    """A release labels requests by their path instead of its template, so that every asset makes new series.

    Source: https://prometheus.io/docs/practices/naming/#labels (no labels of unbounded values, such as user ids)
    """

    def __init__(self) -> None:
        self._release = ""

    def strike(self, destroy: Destroy) -> None:
        """Deploy it."""
        self._release = destroy.platform.deploy(
            [
                {
                    "file": "system/common/middleware.py",
                    "find": "route = metrics.route_template(scope)",
                    "replace": 'route = scope["path"]',
                }
            ]
        ).release

    def in_effect(self, observe: Observe) -> bool:
        """Ask every instance for its release."""
        return every_instance_runs(observe, self._release)


@fault("metrics-plays-stand-still", kind="code", takes_s=30.0, caught_by={"MON-01": "plays_total moves"})
class PlaysNotCounted:
    """A rework of the edge lost the line that counts plays; the metric is there and stands still.

    Every check of its presence passes. Source: https://prometheus.io/docs/practices/instrumentation/
    """

    def __init__(self) -> None:
        self._release = ""

    def strike(self, destroy: Destroy) -> None:
        """Deploy it."""
        self._release = destroy.platform.deploy(
            [
                {
                    "file": "system/edge/play.py",
                    "find": "metrics.plays.labels(wanted.variant).inc()",
                    "replace": "metrics.plays.labels(wanted.variant).inc(0)",
                }
            ],
            services=["edge"],
        ).release

    def in_effect(self, observe: Observe) -> bool:
        """Ask every instance for its release."""
        return every_instance_runs(observe, self._release)
