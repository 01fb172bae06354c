"""Policies that do not act."""

from typing import ClassVar

from seatrial import Destroy, Observe, fault

PART = "autoscaler"


class Misconfigured:
    """Start the autoscaler with another policy; in effect once it says so of itself."""

    policy: ClassVar[dict[str, float]]

    def strike(self, destroy: Destroy) -> None:
        """Override fields of the policy."""
        destroy.platform.restart(PART, dict(self.policy))

    def in_effect(self, observe: Observe) -> bool:
        """Read the configuration in force."""
        said = observe.platform.config()[PART]
        return all(float(said[name]) == value for name, value in self.policy.items())


@fault(
    "autoscaling-maximum-equals-minimum",
    kind="configuration",
    caught_by={"DEP-ROLL-05": "2 instances of frontend within"},
    takes_s=60.0,
)
class MaximumEqualsMinimum(Misconfigured):
    """The policy may have as many instances as it must have, and never acts.

    Source: https://docs.digitalocean.com/products/app-platform/how-to/scale-app/ (minimum and maximum of containers)
    """

    policy: ClassVar = {"most": 1}


@fault(
    "autoscaling-never-scales-in",
    kind="configuration",
    caught_by={"DEP-ROLL-05": "1 instances of frontend within"},
    takes_s=60.0,
)
class NeverScalesIn(Misconfigured):
    """The policy waits an hour of quiet before it takes an instance away.

    Source: https://kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale/ (stabilization window)
    """

    policy: ClassVar = {"in_after_s": 3600.0}


@fault("autoscaler-hangs", kind="process", caught_by={"DEP-ROLL-05": "2 instances of frontend within"}, takes_s=60.0)
class Hangs:
    """The autoscaler's process is there and does nothing.

    Source: https://sre.google/sre-book/monitoring-distributed-systems/
    """

    def strike(self, destroy: Destroy) -> None:
        """Freeze it."""
        destroy.platform.pause(PART)

    def in_effect(self, observe: Observe) -> bool:
        """Connect, and wait in vain for an answer."""
        part = observe.platform.status().part(PART)
        place = part.address or "", part.port or 0
        silent = observe.http.get("/metrics", via=f"{place[0]}:{place[1]}", timeout_s=1.0).status is None
        return silent and observe.tcp.connect(*place) == "open"
