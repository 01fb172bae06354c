"""Secrets that are none: a default, an example, one value for two purposes, and one for two environments."""

import json
from typing import ClassVar

from faults._instance import started_with
from faults._tree import PatchedTree
from faults.security._own_link import opens
from seatrial import Destroy, Observe, fault
from suites.security.signer import Ring

DEFAULT = "changeme" * 4
PUBLISHED = bytes(range(32)).hex()  # k1 of docs/signing-vectors.json


class StartedWith:
    """Start a part with a ring of another key alone; in effect when an edge opens links of that key."""

    part: ClassVar[str]
    variable: ClassVar[str]

    def start(self, destroy: Destroy, key: str) -> None:
        """Restart the part with it."""
        self._ring = json.dumps({"active": "k1", "keys": {"k1": key}})
        destroy.platform.restart(self.part, {self.variable: self._ring})

    def in_effect(self, observe: Observe) -> bool:
        """Open a link that was signed with it."""
        return opens(observe, self.part, Ring.parse(self._ring), 60)


@fault("secret-default", kind="configuration", caught_by={"SEC-SEC-01": "holds the word 'changeme'"})
class Default(StartedWith):
    """A service was started with the value that its example configuration has, repeated until it was long enough.

    Source: https://cwe.mitre.org/data/definitions/1392.html (use of default credentials)
    """

    part, variable = "edge-1", "LINK_KEYS"

    def strike(self, destroy: Destroy) -> None:
        """Start the edge with it."""
        self.start(destroy, DEFAULT.encode().hex())


@fault("secret-published", kind="configuration", caught_by={"SEC-SEC-01": "stands in docs/signing"})
class Published(StartedWith):
    """A key was copied out of the published test vectors.

    Source: https://cwe.mitre.org/data/definitions/1394.html (use of default cryptographic key)
    """

    part, variable = "edge-1", "LINK_KEYS"

    def strike(self, destroy: Destroy) -> None:
        """Start the edge with it."""
        self.start(destroy, PUBLISHED)


@fault("secret-of-two-services", kind="configuration", caught_by={"SEC-SEC-01": "api-1 JWT_KEY k1 = links"})
class OfTwo(StartedWith):
    """The key of playback links, which the edge holds too, also signs the sessions of the api: the edge can sign anybody in.

    Source: NIST SP 800-57 part 1, section 5.2 (a single key shall be used for only one purpose)
    """

    part, variable = "api-1", "JWT_KEY"

    def strike(self, destroy: Destroy) -> None:
        """Start the api with the links' key."""
        ring = Ring.parse(destroy.credential("links").password)
        self.start(destroy, ring.keys[ring.active].hex())

    def in_effect(self, observe: Observe) -> bool:
        """Find the part ready, the variable among what it was told, and in its process' environment."""
        part = observe.platform.status().part(self.part)
        told = part.state == "ready" and self.variable in part.settings
        return told and started_with(observe, self.part, self.variable)


@fault("secret-of-two-environments", kind="data", caught_by={"SEC-SEC-01": "redis-observer of staging"})
class OfTwoEnvironments(PatchedTree):
    """Staging was set up from a copy of this profile, secrets included.

    Source: https://cwe.mitre.org/data/definitions/1391.html (use of weak credentials, among them shared ones)
    """

    edits = (
        {
            "file": "profiles/staging.toml",
            "find": "sops:secrets/staging.sops.yaml#valkey_observer",
            "replace": "file:../.state/local/secrets/redis-observer",
        },
    )
