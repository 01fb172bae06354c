"""Instances that run something else than was deployed."""

from seatrial import Destroy, Observe, fault
from seatrial.platform import Patch
from suites.client import instances, running

PACKAGE = "system/common/problem.py"


@fault("instance-on-old-release", kind="process", caught_by={"DEP-VER-01": "on api-2"}, takes_s=30.0)
class OldRelease:
    """One instance was left behind by a deploy and goes on with the release before it.

    Source: the order of the US Securities and Exchange Commission on Knight Capital (file 3-15570, 2013): new code reached
    seven of eight servers.
    """

    def strike(self, destroy: Destroy) -> None:
        """Deploy a release that differs in a comment, and put one instance back."""
        comment = Patch(file=PACKAGE, find='"""Answer every error', replace='# next\n"""Answer every error')
        self._deployed = destroy.platform.deploy([comment])
        destroy.platform.restart("api-2", release=self._deployed.previous)

    def in_effect(self, observe: Observe) -> bool:
        """Ask every instance which release it runs."""
        seen = {each.name: running(observe, each).release for each in instances(observe)}
        return seen.pop("api-2") == self._deployed.previous and set(seen.values()) == {self._deployed.release}


@fault("instance-nobody-declared", kind="configuration", caught_by={"DEP-VER-01": "'api-3'"}, takes_s=60.0)
class NobodyDeclared:
    """A service was scaled by hand, so that an instance serves which no list names and no check asks.

    Source: https://docs.digitalocean.com/products/app-platform/how-to/scale-app/ (anybody with the console can)
    """

    def strike(self, destroy: Destroy) -> None:
        """Run a third instance."""
        destroy.platform.scale("api", 3)

    def in_effect(self, observe: Observe) -> bool:
        """Be answered by it, in its turn."""
        return any(observe.http.get("api:/version").json().get("instance") == "api-3" for _ in range(9))


@fault("release-label-pinned", kind="configuration", caught_by={"DEP-VER-01": "on edge-1"})
class LabelPinned:
    """An instance's release is pinned by hand in its configuration, so that nobody knows what it runs.

    Source: https://12factor.net/build-release-run (a release has one id and is never changed in place)
    """

    def strike(self, destroy: Destroy) -> None:
        """Override the variable."""
        destroy.platform.restart("edge-1", {"RELEASE": "0123456789ab"})

    def in_effect(self, observe: Observe) -> bool:
        """Ask the instance which release it runs."""
        return any(running(observe, each).release == "0123456789ab" for each in instances(observe, "edge"))
