"""What faults of the ingress share: an edited configuration."""

import re
from abc import ABC, abstractmethod
from urllib.parse import urlsplit

from cryptography import x509

from seatrial import Destroy, Observe


def configuration(observe: Observe) -> str:
    """Return the configuration that the ingress was started with, as the platform shows it."""
    return observe.platform.config()["ingress"]["Caddyfile"]


def in_force(observe: Observe) -> str:
    """Return what the ingress itself says that it runs with; empty while it does not answer."""
    return observe.platform.config()["ingress"]["in force"]


def site(loaded: str, role: str) -> str:
    """Return how the site of a public host begins; what is put behind it comes before all that it does."""
    found = re.search(rf"https://{role}\S* \{{\n\timport common\n", loaded)
    assert found is not None
    return found[0]


def storage(loaded: str) -> str:
    """Return where certificates are kept."""
    return loaded.split('storage file_system "', 1)[1].split('"', 1)[0]


def served_chain(observe: Observe) -> tuple[x509.Certificate, ...]:
    """Return the certificates that the frontend's host sends, whatever they are worth."""
    parts = urlsplit(observe.profile.urls["app"])
    return observe.tls.handshake(parts.hostname or "", parts.port or 443, verify=False).chain


class PatchedIngress(ABC):
    """Restart the ingress with edits.

    In effect when it was told each of them, says that it runs with something else than before, and one answer, where one
    tells, is so.
    """

    @abstractmethod
    def edits(self, loaded: str) -> list[tuple[str, str]]:
        """Return texts to find, each once, and what to put there."""

    def strike(self, destroy: Destroy) -> None:
        """Edit the configuration that is loaded now, and start with it."""
        self._before = in_force(destroy)
        self._replacements = [replace for _, replace in self.edits(configuration(destroy))]
        patch = [{"find": find, "replace": replace} for find, replace in self.edits(configuration(destroy))]
        destroy.platform.restart("ingress", {"patch": patch})

    def in_effect(self, observe: Observe) -> bool:
        """Read the configuration that the platform has made, and ask the ingress itself."""
        loaded = configuration(observe)
        told = all(replace in loaded for replace in self._replacements)
        return told and in_force(observe) not in {"", self._before} and self.shows(observe)

    def shows(self, observe: Observe) -> bool:  # noqa: ARG002 - for those that no single request shows
        """Say whether the ingress does so."""
        return True
