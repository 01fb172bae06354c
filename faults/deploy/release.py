"""Instances that run something else than was deployed."""

from seatrial import Destroy, Observe, fault
from seatrial.platform import Patch

PACKAGE = "system/common/problem.py"


@fault("instance-on-old-release", kind="process", caught_by={"DEP-VER-01": "on api-2"}, takes_s=30.0)
class OldRelease:
    """One instance was left behind by a deploy and goes on with the release before it.

    Source: the order of the US Securities and Exchange Commission on Knight Capital (file 3-15570, 2013): new code reached
    seven of eight servers.
    """

    def __init__(self) -> None:
        self._old = ""

    def strike(self, destroy: Destroy) -> None:
        """Deploy a release that differs in a comment, and put one instance back."""
        comment = Patch(file=PACKAGE, find='"""Answer every error', replace='# next\n"""Answer every error')
        self._old = destroy.platform.deploy([comment]).previous
        destroy.platform.restart("api-2", release=self._old)

    def in_effect(self, observe: Observe) -> bool:
        """Compare what the platform started that instance with, and what it calls current."""
        status = observe.platform.status()
        return status.part("api-2").release == self._old != status.release


@fault("instance-nobody-declared", kind="configuration", caught_by={"DEP-VER-01": "'api-3'"}, takes_s=60.0)
class NobodyDeclared:
    """A service was scaled by hand, so that an instance serves which no list names and no check asks.

    Source: https://docs.digitalocean.com/products/app-platform/how-to/scale-app/ (anybody with the console can)
    """

    def strike(self, destroy: Destroy) -> None:
        """Run a third instance."""
        destroy.platform.scale("api", 3)

    def in_effect(self, observe: Observe) -> bool:
        """Count the instances that the platform lists."""
        return len(observe.platform.status().instances("api")) == 3


@fault("release-label-pinned", kind="configuration", caught_by={"DEP-VER-01": "on edge-1"})
class LabelPinned:
    """An instance's release is pinned by hand in its configuration, so that nobody knows what it runs.

    Source: https://12factor.net/build-release-run (a release has one id and is never changed in place)
    """

    def strike(self, destroy: Destroy) -> None:
        """Override the variable."""
        destroy.platform.restart("edge-1", {"RELEASE": "0123456789ab"})

    def in_effect(self, observe: Observe) -> bool:
        """Read the variable."""
        return observe.platform.config()["edge-1"].get("RELEASE") == "0123456789ab"
