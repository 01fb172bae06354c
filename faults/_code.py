"""What code faults share: releases that are built from a patched copy of the source."""

from collections.abc import Sequence
from typing import ClassVar

from seatrial import Destroy, Observe
from seatrial.platform import Patch
from suites.client import every_instance_runs


class PatchedRelease:
    """Deploy a patched copy of the source; in effect when every instance reports that release's id."""

    patch: ClassVar[Sequence[Patch]]
    services: ClassVar[Sequence[str]] = ()

    def __init__(self) -> None:
        self._release = ""

    def strike(self, destroy: Destroy) -> None:
        """Roll the patched release out; the services named come first."""
        self._release = destroy.platform.deploy(self.patch, self.services, at_once=True).release

    def in_effect(self, observe: Observe) -> bool:
        """Ask every instance which release it runs."""
        return every_instance_runs(observe, self._release)


class NextRelease:
    """Patch what the next release is built from, and leave what runs: for checks that deploy a release themselves.

    In effect when the platform names the patched files: nothing runs with them before the check deploys.
    """

    patch: ClassVar[Sequence[Patch]]

    def strike(self, destroy: Destroy) -> None:
        """Hand the edits to the platform."""
        destroy.platform.patch(self.patch)

    def in_effect(self, observe: Observe) -> bool:
        """Ask the platform which files of the source are patched."""
        return set(observe.platform.status().patched) == {each["file"] for each in self.patch}
