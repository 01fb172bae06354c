"""Instances that are configured otherwise than was meant."""

import secrets
from abc import ABC, abstractmethod
from typing import ClassVar

from faults._instance import door, started_with
from faults._tree import PatchedTree
from faults.security._own_link import opens
from seatrial import Destroy, Observe, fault
from seatrial.platform import Patch
from suites.security.signer import Ring


class Overridden(ABC):
    """Restart one instance with other variables; in effect when the platform lists them as overrides, and the instance shows it."""

    part: ClassVar[str]
    settings: ClassVar[dict[str, str | None]]
    ready: ClassVar[bool] = True

    def strike(self, destroy: Destroy) -> None:
        """Override the variables."""
        destroy.platform.restart(self.part, self.settings, at_once=not self.ready)

    def in_effect(self, observe: Observe) -> bool:
        """Read the overrides, and whether the instance is in the state that they bring about."""
        part = observe.platform.status().part(self.part)
        told = dict(part.settings) == self.settings and (part.state == "ready") == self.ready
        return told and self.shows(observe)

    @abstractmethod
    def shows(self, observe: Observe) -> bool:
        """Say whether the instance runs so."""


@fault("config-key-missing", kind="configuration", caught_by={"DEP-CFG-01": "LINK_LIFETIME_S: not given"})
class KeyMissing(Overridden):
    """One key was forgotten; the program takes its default, and nobody hears of it.

    Source: https://12factor.net/config; CWE-1188 (Initialization of a Resource with an Insecure Default)
    """

    part, settings = "api-1", {"LINK_LIFETIME_S": None}

    def shows(self, observe: Observe) -> bool:
        """Miss it in the process' environment, and find it in that of the other instance."""
        mine, others = (started_with(observe, name, "LINK_LIFETIME_S") for name in (self.part, "api-2"))
        return others and not mine


@fault("config-key-unknown", kind="configuration", caught_by={"DEP-CFG-01": "JOB_LEASE_SECONDS: worker reads no such"})
class KeyUnknown(Overridden):
    """A key was misspelt: what it was to change stays as it was.

    Source: https://docs.pydantic.dev/latest/concepts/pydantic_settings/ (variables that no field names are passed over)
    """

    part, settings = "worker-1", {"JOB_LEASE_SECONDS": "60"}

    def shows(self, observe: Observe) -> bool:
        """Find it in the process' environment."""
        return started_with(observe, self.part, "JOB_LEASE_SECONDS", "60")


@fault("config-wrong-kind", kind="configuration", caught_by={"DEP-CFG-01": "CACHE_MAX_BYTES: expected an integer"})
class WrongKind(Overridden):
    """A size was written with a unit where a number of bytes is read; the instance does not come up again.

    Source: https://12factor.net/config (variables are texts; what they mean is the program's affair)
    """

    part, settings, ready = "edge-2", {"CACHE_MAX_BYTES": "256M"}, False

    def shows(self, observe: Observe) -> bool:
        """Find nobody at its address, and its own complaint in its log."""
        complaint = "CACHE_MAX_BYTES: expected an integer"
        said = any(complaint in line for line in observe.platform.logs(self.part))
        return said and door(observe, "edge", self.part) == "refused"


@fault("config-instances-differ", kind="configuration", caught_by={"DEP-CFG-01": "LINK_MAX_LIFETIME_S differs"})
class InstancesDiffer(Overridden):
    """One of two instances was changed by hand: every second link is refused.

    Source: https://martinfowler.com/bliki/SnowflakeServer.html
    """

    part, settings = "edge-1", {"LINK_MAX_LIFETIME_S": "600"}

    def strike(self, destroy: Destroy) -> None:
        """Override the variable."""
        self._ring = Ring.parse(destroy.credential("links").password)
        super().strike(destroy)

    def shows(self, observe: Observe) -> bool:
        """Open a link there that is shorter, and none that is as long as the other instance takes."""
        return opens(observe, self.part, self._ring, 300) and not opens(observe, self.part, self._ring, 3000)


@fault("config-open-secret", kind="configuration", caught_by={"DEP-CFG-01": "JWT_KEY: a secret in the open"})
class OpenSecret:
    """A key stands in the environment of an instance, where every process of the same user, and a crash report, can read it.

    Source: CWE-526 (Cleartext Storage of Sensitive Information in an Environment Variable)
    """

    def strike(self, destroy: Destroy) -> None:
        """Hand over a made-up key as an ordinary variable."""
        destroy.platform.restart("api-2", {"JWT_KEY": secrets.token_hex(32)})

    def in_effect(self, observe: Observe) -> bool:
        """Find it among the instance's overrides, and in its process' environment."""
        told = set(observe.platform.status().part("api-2").settings) == {"JWT_KEY"}
        return told and started_with(observe, "api-2", "JWT_KEY")


@fault("config-behind-the-reader", kind="code", caught_by={"DEP-CFG-01": "PREVIEW_HEIGHT"})
class BehindTheReader(PatchedTree):
    """A module takes a variable from the environment itself, with a default: no list of variables names it.

    Source: https://12factor.net/config; CWE-1188 (Initialization of a Resource with an Insecure Default)
    """

    edits = (
        Patch(
            file="system/worker/preview.py",
            find="HEIGHT = 720\n",
            replace='HEIGHT = int(os.environ.get("PREVIEW_HEIGHT", "720"))\n',
        ),
    )
