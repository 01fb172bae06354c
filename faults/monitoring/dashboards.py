"""Dashboards that show nothing, and dependencies that nothing shows."""

from typing import ClassVar

from faults._code import PatchedRelease
from faults._tree import PatchedTree
from faults.monitoring._files import EditedFile
from seatrial import fault
from seatrial.platform import Patch


@fault("panel-of-a-renamed-metric", kind="configuration", caught_by={"MON-07": "data for Longest wait"})
class PanelOfRenamedMetric(PatchedTree):
    """A metric was renamed, and the dashboard goes on asking for it by its old name.

    Source: https://prometheus.io/docs/practices/naming/ (a name is an interface)
    """

    edits: ClassVar = [
        Patch(
            file="system/monitoring/dashboards/seatrial.json",
            find='"expr": "queue_oldest_seconds"',
            replace='"expr": "queue_age_seconds"',
        )
    ]


@fault("dependency-without-a-figure", kind="code", takes_s=30.0, caught_by={"MON-09": "a figure of redis"})
class WithoutFigure(PatchedRelease):
    """A release asks Redis for its readiness and does not count what it answers.

    Source: https://sre.google/sre-book/monitoring-distributed-systems/ (white-box monitoring of what a service depends on)
    """

    patch: ClassVar = [
        Patch(
            file="system/common/health.py",
            find="metrics.dependency_up.labels(name).set(0 if detail else 1)",
            replace='if name != "redis":\n            metrics.dependency_up.labels(name).set(0 if detail else 1)',
        )
    ]


@fault("dependency-without-an-alert", kind="configuration", caught_by={"MON-09": "an alert about s3"})
class WithoutAlert(EditedFile):
    """The object store once woke somebody for nothing, and was left out of the rule for good.

    Source: https://sre.google/workbook/alerting-on-slos/ (alerts that are silenced by editing rules)
    """

    part, find, replace = "prometheus", "expr: dependency_up == 0", 'expr: dependency_up{dependency!="s3"} == 0'
