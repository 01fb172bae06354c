"""What can blind the metrics, or drown whoever keeps them."""

from typing import ClassVar

from faults._code import PatchedRelease
from seatrial import fault
from seatrial.platform import Patch


@fault(
    "metrics-path-label", kind="code", takes_s=30.0, caught_by={"MON-01": "no label value that comes from a request"}
)
class PathAsLabel(PatchedRelease):
    """A release labels requests by their path instead of its template, so that every asset makes new series.

    Source: https://prometheus.io/docs/practices/naming/#labels (no labels of unbounded values, such as user ids)
    """

    patch: ClassVar = [
        Patch(
            file="system/common/middleware.py",
            find="route = metrics.route_template(scope)",
            replace='route = scope["path"]',
        )
    ]


@fault("metrics-plays-stand-still", kind="code", takes_s=30.0, caught_by={"MON-01": "plays_total moves"})
class PlaysNotCounted(PatchedRelease):
    """A rework of the edge lost the line that counts plays; the metric is there and stands still.

    Every check of its presence passes. Source: https://prometheus.io/docs/practices/instrumentation/
    """

    services = ("edge",)
    patch: ClassVar = [
        Patch(
            file="system/edge/play.py",
            find="metrics.plays.labels(wanted.variant).inc()",
            replace="metrics.plays.labels(wanted.variant).inc(0)",
        )
    ]
