"""What faults of the ingress share: an edited configuration."""

from abc import ABC, abstractmethod

from seatrial import Destroy, Observe


def configuration(observe: Observe) -> str:
    """Return the configuration that the ingress was started with, as the platform shows it."""
    return "\n".join(observe.platform.config()["ingress"].values())


class PatchedIngress(ABC):
    """Restart the ingress with edits; in effect when the platform shows each of them as loaded."""

    @abstractmethod
    def edits(self, loaded: str) -> list[tuple[str, str]]:
        """Return texts to find, each once, and what to put there."""

    def strike(self, destroy: Destroy) -> None:
        """Edit the configuration that is loaded now, and start with it."""
        self._replacements = [replace for _, replace in self.edits(configuration(destroy))]
        patch = [{"find": find, "replace": replace} for find, replace in self.edits(configuration(destroy))]
        destroy.platform.restart("ingress", {"patch": patch})

    def in_effect(self, observe: Observe) -> bool:
        """Read the configuration that is loaded now."""
        loaded = configuration(observe)
        return all(replace in loaded for replace in self._replacements)
